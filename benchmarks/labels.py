"""How right the labels are, as JSON: against truth, against others' maps, from frame to frame.

`truth`: every live sample of a replica against what its renderer knows, also by yaw. `steadiness`:
how labels change from one frame of a live video to the next, beside how the crop changes; all in
crop geometry, so that moving along with the face is no change. `prnet`: the depth of pictures
against maps that PRNet made of them (--prnet DIR with NAME.jpg and NAME_prnet_depth.png).
`bisenet`: parsing against maps of a real BiSeNet (--bisenet DIR with NAME.jpg and NAME_mask.png,
19 classes in the order `zllrunning`), sides put right by place, pixels under eyeglasses and classes
that a map has not left out. `between`: the other back ends against facemesh, of each whose weights
are here, over all these pictures and the astronaut.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import cv2
import numpy as np

from benchmarks.parts.measuring import rounded
from labels import classes
from labels.affines import moved
from labels.backends import DEPTH
from labels.depth.facemesh import depth_map
from labels.landmarks import Face, FaceFinder, load
from labels.parsing.facemesh import parse
from labels.parsing.orders import OF_WEIGHTS, table
from labels.parsing.sides import put_right
from labels.view import View
from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import Config, DatasetSettings, DepthSettings, ParseSettings
from pipeline.cropping.samples import LOOSE_MARGIN, LOOSE_SIDE
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.truth import correlation

DATASETS = ("oulu", "casia", "replay", "msu")
SIDED = (classes.LEFT_BROW, classes.RIGHT_BROW, classes.LEFT_EYE, classes.RIGHT_EYE)
VIDEOS = 8  # for steadiness


def read(path: Path) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path))
    if picture is None:
        sys.exit(f"{path}: not a picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def pairs(folder: Path, ending: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, picture, its map (H, W)) of every NAME + ending in a folder."""
    for path in sorted(folder.glob(f"*{ending}")):
        name = path.name.removesuffix(ending)
        picture = next(p for p in sorted(folder.glob(f"{name}.*")) if p.suffix != ending)
        yield name, read(picture), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def best_face(finder: FaceFinder, picture: np.ndarray) -> Face:
    """The largest face of a picture."""
    faces = finder.find(picture)
    if not faces:
        sys.exit("no face found in a picture")
    return max(faces, key=lambda face: crops.face_square(face.landmarks)[2])


def view_of(picture: np.ndarray, face: Face) -> View:
    """The face as the stages give it to a back end, the looser picture included."""
    affine, loose_affine = (
        crops.crop_affine(face.landmarks, "box", margin, 0.0, side)
        for margin, side in ((1.4, IMAGE_SIDE), (LOOSE_MARGIN, LOOSE_SIDE))
    )
    return View(
        crops.warp(picture, affine, (IMAGE_SIDE, IMAGE_SIDE)),
        affine,
        face.landmarks,
        face.landmarks_refined,
        (picture.shape[1], picture.shape[0]),
        crops.warp(picture, loose_affine, (LOOSE_SIDE, LOOSE_SIDE)),
        loose_affine,
    )


def depth_agreement(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Two maps in [0, 1]: correlation where both are above 0, and intersection over union."""
    both, either = (ours > 0) & (theirs > 0), (ours > 0) | (theirs > 0)
    return {
        "correlation": correlation(ours, theirs, both),
        "mae": float(np.abs(ours - theirs)[both].mean()),
        "outline_iou": float(both.sum() / either.sum()),
    }


def beside_prnet(folder: Path, finder: FaceFinder) -> dict[str, Any]:
    """Depth against PRNet's maps, each picture as a whole."""
    return {
        name: depth_agreement(
            depth_map(
                best_face(finder, picture).landmarks,
                (picture.shape[1], picture.shape[0]),
                np.eye(2, 3),
                *theirs.shape,
            ),
            theirs / 255,
        )
        for name, picture, theirs in pairs(folder, "_prnet_depth.png")
    }


def beside_bisenet(folder: Path, finder: FaceFinder) -> dict[str, Any]:
    """Parsing of crops of 256 against the maps of a BiSeNet: IoU by class, and sides."""
    by_picture = {}
    for name, picture, mask in pairs(folder, "_mask.png"):
        view = view_of(picture, best_face(finder, picture))
        theirs = crops.warp(
            table("zllrunning")[mask], view.affine, (IMAGE_SIDE, IMAGE_SIDE), nearest=True
        )
        theirs = put_right(theirs, moved(view.landmarks_refined, view.affine))
        ours = parse(view.picture, view.landmarks_refined, view.affine)
        by_picture[name] = class_agreement(ours, theirs)
    names = sorted({name for row in by_picture.values() for name in row})
    mean = {name: np.mean([r[name] for r in by_picture.values() if name in r]) for name in names}
    return {"pictures": by_picture, "mean": {name: float(value) for name, value in mean.items()}}


def class_agreement(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """IoU by class over what is not under eyeglasses; the mean of the sides that theirs has.

    `right_side`: the share of their brow and eye pixels, where ours has one too, on their side.
    """
    seen = theirs != classes.EYEGLASSES
    groups = {
        "skin": (classes.SKIN,),
        "brows": (classes.LEFT_BROW, classes.RIGHT_BROW),
        "eyes": (classes.LEFT_EYE, classes.RIGHT_EYE),
        "nose": (classes.NOSE,),
        "mouth": (classes.MOUTH,),
        "upper lip": (classes.UPPER_LIP,),
        "lower lip": (classes.LOWER_LIP,),
    }
    figures = {}
    for name, values in groups.items():
        ious = []
        for value in values:
            one, other = (ours == value) & seen, (theirs == value) & seen
            if other.any():
                ious.append((one & other).sum() / (one | other).sum())
        if ious:
            figures[name] = float(np.mean(ious))
    sided = np.isin(ours, SIDED) & np.isin(theirs, SIDED)
    left = (classes.LEFT_BROW, classes.LEFT_EYE)
    same = np.isin(ours, left) == np.isin(theirs, left)
    return {**figures, "right_side": float(same[sided].mean()) if sided.any() else float("nan")}


def between(pictures: list[np.ndarray], finder: FaceFinder) -> dict[str, Any]:
    """Every other back end against facemesh, over the faces of some pictures."""
    views = [view_of(picture, best_face(finder, picture)) for picture in pictures]

    def compared(name: str, choice: Any, measure: Callable[..., dict[str, float]]) -> Any:
        try:
            other = choice.load()
        except UserError as error:
            return str(error)
        own = (Config().depth if name in DEPTH else Config().parse).choice().load()
        both = [(own([view])[0], other([view])[0]) for view in views]
        rows = [measure(*maps) if all(map(is_map, maps)) else {} for maps in both]
        names = sorted({key for row in rows for key in row})
        return {key: float(np.mean([row[key] for row in rows if key in row])) for key in names}

    depths = {name: DepthSettings(backend=name) for name in DEPTH if name != "facemesh"}
    parsers = {name: ParseSettings(backend="bisenet", weights=name) for name in OF_WEIGHTS}
    return {
        **{n: compared(n, one.choice(), depth_agreement) for n, one in depths.items()},
        **{n: compared(n, one.choice(), class_agreement) for n, one in parsers.items()},
    }


def is_map(label: Any) -> bool:
    """Whether a back end gave a label, and not the reason why there is none."""
    return isinstance(label, np.ndarray)


def steadiness(config: Config, folder: Path) -> dict[str, float]:
    """Change from each frame of some live videos to the next: crop, depth and parsing.

    Mean absolute change of the crop's pixels (0 to 1) over the face, of depth over its cells, and
    the share of the face's pixels whose class changes.
    """
    import h5py

    from pipeline import depth
    from pipeline import parse as parse_stage
    from pipeline.crop import Job, crop
    from pipeline.datasets.base import read_index
    from pipeline.files.keys import sha256_file
    from pipeline.index import dataset_root
    from pipeline.labelling import make_layer

    changes: dict[str, list[float]] = {"image": [], "depth": [], "parsing": []}
    for dataset, settings in config.datasets.items():
        rows = [row for row in read_index(Layout(config.out).index(dataset)) if row.live]
        all_frames = settings.model_copy(update={"sampling": "all"})
        job = Job(dataset_root(dataset, settings), config.crop, all_frames)
        made = {name: folder / f"{dataset}_{name}.h5" for name in ("crops", "depth", "parsing")}
        crop(rows[: VIDEOS // len(config.datasets)], job, made["crops"], sha256_file)
        make_layer(depth.layer(config.depth), made["crops"], made["depth"])
        make_layer(parse_stage.layer(config.parse), made["crops"], made["parsing"])
        with (
            h5py.File(made["crops"]) as crop_file,
            h5py.File(made["depth"]) as depth_file,
            h5py.File(made["parsing"]) as parsing_file,
        ):
            videos, frames = crop_file["video"][:], crop_file["frame"][:]
            for i in np.flatnonzero((videos[1:] == videos[:-1]) & (np.diff(frames) == 1)):
                images = crop_file["image"][i : i + 2].astype(np.float32) / 255
                depths = depth_file["depth"][i : i + 2]
                maps = parsing_file["parsing"][i : i + 2]
                face, cells = (maps > 0).any(0), (depths > 0).any(0)
                changes["image"].append(float(np.abs(images[1] - images[0])[face].mean()))
                changes["depth"].append(float(np.abs(depths[1] - depths[0])[cells].mean()))
                changes["parsing"].append(float((maps[1] != maps[0])[face].mean()))
    return {"pairs": len(changes["image"]), **{n: float(np.mean(v)) for n, v in changes.items()}}


def replica_run(folder: Path) -> Config:
    """A replica of one subject a split and its bundle, in a folder; the configuration."""
    from pipeline.pack import pack
    from pipeline.partition import label_partition, write_dataset_index
    from pipeline.replica import make_replica

    make_replica(folder / "replica", subjects=1, seed=0, cores=os.cpu_count() or 1)
    config = Config(
        out=str(folder / "run"),
        datasets={
            name: DatasetSettings(root=str(folder / "replica" / name), every=5, partitions=1)
            for name in DATASETS
        },
    )
    for name in DATASETS:
        write_dataset_index(config, name)
        label_partition(config, name, 0)
    pack(config)
    return config


def main() -> None:
    """Measure and print one JSON object."""
    from skimage.data import astronaut

    from pipeline.truth import label_truth

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prnet", type=Path, help="folder with NAME.jpg, NAME_prnet_depth.png")
    parser.add_argument("--bisenet", type=Path, help="folder with NAME.jpg, NAME_mask.png")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    pictures = [np.asarray(astronaut())]
    with load("embedded") as finder:
        if arguments.prnet:
            figures["prnet"] = beside_prnet(arguments.prnet, finder)
            pictures += [picture for _, picture, _ in pairs(arguments.prnet, "_prnet_depth.png")]
        if arguments.bisenet:
            figures["bisenet"] = beside_bisenet(arguments.bisenet, finder)
            pictures += [picture for _, picture, _ in pairs(arguments.bisenet, "_mask.png")]
        figures["between"] = between(pictures, finder)
    with tempfile.TemporaryDirectory() as temporary:
        print("replica ...", file=sys.stderr)
        config = replica_run(Path(temporary))
        figures["truth"] = label_truth(config, Layout(config.out))
        figures["steadiness"] = steadiness(config, Path(temporary))
    print(json.dumps(rounded(figures), indent=1))


if __name__ == "__main__":
    main()
