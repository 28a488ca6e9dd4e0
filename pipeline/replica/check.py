"""Can the replica be told apart without a look at the face? File size, brightness, sharpness."""

from pathlib import Path

import numpy as np

from pipeline.config import DatasetSettings
from pipeline.errors import UserError
from pipeline.frames.video import VideoError, decode
from pipeline.index import index
from pipeline.replica.cameras import measure
from pipeline.replica.layout import DATASETS


def _features(path: Path) -> tuple[float, float, float]:
    """File size in bytes, mean grey (0 to 255) and mean variance of the Laplacian of all frames."""
    try:
        frames = decode(path, False, lambda number: True)
        bright, sharp = zip(*(measure([frame]) for _, frame in frames), strict=True)
    except VideoError as error:
        raise UserError(f"{path}: {error}; make the replica again") from None
    return float(path.stat().st_size), float(np.mean(bright)), float(np.mean(sharp))


def check_features(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each dataset below `folder`: features (N, 3) float64 and live (N,) int of its videos. The
    features are file size in bytes, mean grey (0 to 255) and variance of the Laplacian.

    Raises UserError where a dataset has no videos, or one does not decode.
    """
    out = {}
    for dataset in DATASETS:
        root = folder / dataset
        try:
            rows = index(dataset, DatasetSettings(root=str(root)))
        except UserError:
            raise UserError(
                f"{root} has no videos: make a replica there with `ocim replica -o`"
            ) from None
        features = np.array([_features(root / row.path) for row in rows])
        out[dataset] = features, np.array([row.live for row in rows])
    return out


def shortcut_auc(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """AUC, 0 to 1, of a logistic regression on standardised features, for each dataset left out.

    `data` is what check_features gives. Fitted on the others; 0.5 means that nothing can be told.
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
    """AUC of file size, brightness and sharpness alone, for each dataset left out.

    Raises UserError as check_features does.
    """
    return shortcut_auc(check_features(folder))
