"""The way from a sample of a shard back to the video frame that it was cut from.

The frame is decoded and turned as the crop stage does it; that the stored affine then gives the
stored crop again, byte for byte, is the proof that it is the right one.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import crops
from pipeline.bundle import IMAGE_SIDE, MANIFEST, Bundle, BundleError, Shard
from pipeline.config import Config, DatasetSettings, load
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file, versions
from pipeline.frames.orientation import TURNED
from pipeline.frames.video import VideoError, frames
from pipeline.index import dataset_root
from pipeline.indexing import corrections
from pipeline.indexing.correction_fields import Correction, parse
from pipeline.inspect.read import as_bundle_errors, column, printable, provenance_of, videos_of


class Origin(NamedTuple):
    """Where a sample comes from, as its shard and the manifest beside it say.

    sha256: of the packed video, "" where it is not recorded. upside_down: whether frames without a
    display matrix are turned by 180 degrees. corrected: the video's corrections by hand. unknown:
    why these are not known, "" where they are.
    """

    dataset: str
    video: str
    frame: int
    sha256: str
    upside_down: bool
    corrected: Sequence[Correction]
    unknown: str

    def turns(self) -> list[str]:
        """How the frame was turned, in words, besides what its file says of itself."""
        words = [
            f"turned {one.value}° by hand"
            for one in self.corrected
            if one.action == "rotate" and one.covers(self.frame)
        ]
        return [*words, "its file is listed as upside down"] if self.upside_down else words


class Found(NamedTuple):
    """The frame of a sample, or why there is none.

    frame: H x W x 3 uint8 RGB, upright, as the face finder saw it. sha256: of the video that was
    found, "" where none was.
    """

    frame: np.ndarray | None
    sha256: str
    reason: str


def origin_of(shard: Shard, row: int) -> Origin:
    """Where a sample comes from. Raises BundleError where the shard does not list its video."""
    video, frame = str(column(shard, "video", [row])[0]), int(column(shard, "frame", [row])[0])
    listed = videos_of(shard)
    if video not in listed:
        raise BundleError(
            f"{shard.path}: its table of videos lacks {printable(video)}; ocim bundle verify says"
            " more"
        )
    with as_bundle_errors(shard.path):
        sha256, upside_down = str(listed[video]["sha256"]), bool(listed[video]["upside_down"])
    corrected, unknown = corrections_of(shard, video)
    return Origin(shard.dataset, video, frame, sha256, upside_down, corrected, unknown)


def corrections_of(shard: Shard, video: str) -> tuple[list[Correction], str]:
    """The corrections by hand of a video from the manifest beside the shard; why they are unknown.

    The second is "" where the manifest is there and lists this shard. Raises BundleError where the
    list of corrections is damaged.
    """
    folder = shard.path.parent
    if not (folder / MANIFEST).is_file():
        return [], f"no {MANIFEST} beside the shard"
    try:
        manifest = Bundle(folder).manifest
    except BundleError as error:
        return [], str(error)
    with as_bundle_errors(folder / MANIFEST):
        keys = {entry["file"]: entry["key"] for entry in manifest["shards"]}
        if keys.get(shard.name) != shard.key:
            return [], f"the {MANIFEST} beside the shard is that of another"
        return [
            parse(one["action"], one["frames"], one["value"], one["reason"])
            for one in manifest.get("corrections", [])
            if (one["dataset"], one["video"]) == (shard.dataset, video)
        ], ""


def root_of(
    shard: Shard, video: str, root: Path | None, config_path: Path | None
) -> tuple[Path | None, str]:
    """The folder that the dataset's paths are relative to, or None; and why it is not known, else
    "".

    root: as the user gave it, or one level above. config_path: a configuration that names it. With
    neither the config.yaml of the run that the shard lies in is read, if there is one. Raises
    UserError for a root or a configuration of the user's that cannot be it.
    """
    if root is not None:
        if not root.is_dir():
            raise UserError(f"--root {root}: no such folder; give that of {shard.dataset}")
        if _below(root, video)[0] is None:
            with suppress(UserError):  # the dataset may lie one level below
                return dataset_root(shard.dataset, DatasetSettings(root=str(root))), ""
        return root, ""
    if config_path is not None:
        return _configured(load(config_path), shard.dataset, config_path), ""
    of_run = shard.path.absolute().parent.parent / "config.yaml"
    if not of_run.is_file():
        return None, "give --root, the folder of its videos"
    try:
        return _configured(load(of_run), shard.dataset, of_run), ""
    except UserError as error:
        return None, f"{error}; or give --root, the folder of its videos"


def _configured(config: Config, dataset: str, path: Path) -> Path:
    if dataset not in config.datasets:
        raise UserError(f"{path}: datasets.{dataset} is not in it; give --root")
    return dataset_root(dataset, config.datasets[dataset])


def _below(root: Path, video: str) -> tuple[Path | None, str]:
    """The file of a video, or None and why there is none; no link is followed out of the root."""
    path, name = root / video, printable(video)
    try:
        if not path.is_file():
            return None, f"{name} is missing in {root}"
        if not path.resolve().is_relative_to(root.resolve()):
            return None, f"{name} leads out of {root}: not followed"
    except OSError as error:  # too long a name, a folder that may not be entered
        return None, f"{name} is missing in {root}: {error.strerror}"
    return path, ""


def find_frame(origin: Origin, root: Path) -> Found:
    """Decode the frame of a sample from the dataset's folder, as the crop stage does; what is wrong
    with the video is Found.reason.
    """
    path, why = _below(root, origin.video)
    if path is None:
        return Found(None, "", why)
    sha256, count = "", 0
    try:
        sha256 = sha256_file(path)
        for frame in frames(path, origin.upside_down, lambda number, text: None):
            if frame.number == origin.frame:
                turn = corrections.turn(origin.corrected, origin.frame)
                return Found(TURNED[turn].apply(frame.rgb()), sha256, "")
            count = frame.number + 1
    except (VideoError, OSError) as error:
        return Found(None, sha256, f"the video gives no frame {origin.frame}: {error}")
    return Found(None, sha256, f"the video has {count} frames, none of number {origin.frame}")


def usable(affine: np.ndarray) -> bool:
    """Whether a stored affine (2, 3) is one that a face can have: finite, and of a scale from
    0.0001 to 10,000 pixels of the crop for one of the frame.
    """
    with np.errstate(all="ignore"):
        return bool(np.isfinite(affine).all() and 1e-4 < crops.scale_of(affine) < 1e4)


def proof(frame: np.ndarray, affine: np.ndarray, image: np.ndarray) -> str:
    """`yes` where the frame gives the stored crop byte for byte, else how far it is from it.

    frame: H x W x 3 uint8; affine: 2 x 3, frame to crop; image: the crop, 256 x 256 x 3 uint8.
    """
    if not usable(affine):
        return "no: the stored affine is no turn, scale and shift"
    made = crops.warp(frame, affine, (IMAGE_SIDE, IMAGE_SIDE))
    apart = np.abs(made.astype(np.int16) - image)
    if not apart.any():
        return "yes"
    share = (apart > 0).any(axis=2).mean()
    return f"no: {share:.1%} of its pixels differ, by {apart.mean():.1f} of 255 on average"


def reasons(shard: Shard, origin: Origin, found: Found, checksum_right: bool) -> str:
    """What may be why a frame does not give the stored crop; "" where nothing is known of it."""
    known = []
    if origin.sha256 and found.sha256 != origin.sha256:
        known.append("the video is another than that which was packed")
    if not checksum_right:
        known.append("the stored sample is damaged")
    if origin.unknown:
        known.append(f"a turn by hand is not known ({origin.unknown})")
    if other := other_versions(provenance_of(shard)):
        known.append(f"crops were made with {other}")
    return "; ".join(known)


def other_versions(provenance: Mapping[str, Any]) -> str:
    """Packages that decide how a frame is decoded and drawn, where other versions are installed."""
    makers = provenance.get("backends", {}).get("landmarks", [])
    here = versions(("av", "opencv", "pillow"))
    differing = dict.fromkeys(
        f"{name} {maker['versions'][name]} (here {version})"
        for maker in makers
        for name, version in here.items()
        if maker.get("versions", {}).get(name, version) != version
    )
    return ", ".join(differing)
