"""Can the replica be told apart without a look at the face? File size, brightness, sharpness."""

from pathlib import Path

import numpy as np

from pipeline.errors import UserError
from pipeline.replica.layout import DATASETS

_SUFFIXES = (".avi", ".mov", ".mp4")


def _is_live(dataset: str, path: Path) -> bool:
    """Live or not by the file's name (shared conventions of the four datasets)."""
    if dataset == "oulu":
        return path.stem.endswith("_1")
    if dataset == "casia":
        return path.stem in ("1", "2", "HR_1")
    return "/real/" in path.as_posix()


def _features(path: Path) -> tuple[float, float, float]:
    """File size in bytes, mean grey (0 to 255) and mean variance of the Laplacian of all frames."""
    import av
    import cv2

    bright, sharp = [], []
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            grey = cv2.cvtColor(frame.to_ndarray(format="rgb24"), cv2.COLOR_RGB2GRAY)
            bright.append(float(grey.mean()))
            sharp.append(float(cv2.Laplacian(grey, cv2.CV_32F).var()))
    return float(path.stat().st_size), float(np.mean(bright)), float(np.mean(sharp))


def check_features(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each dataset below `folder`: features (N, 3) float64 and live (N,) int of its videos."""
    out = {}
    for dataset in DATASETS:
        root = Path(folder) / dataset
        paths = [
            path
            for path in sorted(root.rglob("*"))
            if path.suffix in _SUFFIXES and "enrollment" not in path.relative_to(root).parts
        ]
        if not paths:
            raise UserError(f"{root} has no videos: make a replica there with `ocim replica -o`")
        features = np.array([_features(path) for path in paths])
        out[dataset] = features, np.array([int(_is_live(dataset, path)) for path in paths])
    return out


def shortcut_auc(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """AUC of a logistic regression on standardised features, for each dataset left out.

    Fitted on the other three; 0.5 means that nothing can be told.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    out = {}
    for target, (features, live) in data.items():
        rest = [data[name] for name in data if name != target]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(np.concatenate([f for f, _ in rest]), np.concatenate([y for _, y in rest]))
        out[target] = float(roc_auc_score(live, model.decision_function(features)))
    return out


def check_replica(folder: Path) -> dict[str, float]:
    """AUC of file size, brightness and sharpness alone, for each dataset left out."""
    return shortcut_auc(check_features(folder))
