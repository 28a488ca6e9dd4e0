"""All that is known of one sample: its fields, and the frame it came from, as plain JSON."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import crops
from pipeline.browse import pictures
from pipeline.bundle import FIELDS, IMAGE_SIDE, PIXELS, BundleError, Shard, sample_checksum
from pipeline.errors import UserError
from pipeline.inspect import origin
from pipeline.inspect.read import column, fields_of

_LARGE = (*PIXELS, "landmarks", "affine")


class Roots(NamedTuple):
    """Where the videos lie, as the user said. roots: by dataset. config: a configuration."""

    roots: dict[str, Path]
    config: Path | None

    def of(self, shard: Shard, video: str) -> tuple[Path | None, str]:
        """The folder of a shard's videos, or None and what to do about it."""
        root = self.roots.get(shard.dataset)
        try:
            place, why = origin.root_of(shard, video, root, None if root else self.config)
        except (UserError, BundleError) as error:
            place, why = None, str(error)
        if place is None:
            why = f"{why}: ocim browse BUNDLE --root {shard.dataset}=DIR"
        return place, why


def fields(shard: Shard, row: int) -> dict[str, Any]:
    """Every field of a sample but the large ones, and what is wrong with it.

    fields: name, value (None: no number), unit, meaning. pixels: `right`, or what is wrong with
    image, depth and parsing. depth_is_zero: whether depth is 0 everywhere; depth_range: its least
    and most above 0. classes: how many pixels of each. affine: 2 x 3, None for what is not finite.
    Raises BundleError where a field cannot be read.
    """
    there = fields_of(shard)
    rows = []
    for name, field in FIELDS.items():
        if name in _LARGE or name not in there:
            continue
        value = column(shard, name, [row])[0].item()
        if isinstance(value, float):  # as it is stored: 0.7, not 0.699999988079071
            value = float(str(np.float32(value))) if np.isfinite(value) else None
        unit = "" if field.unit == "1" else field.unit
        rows.append({"name": name, "value": value, "unit": unit, "meaning": field.meaning})
    image, depth, parsing = (column(shard, name, [row])[0] for name in PIXELS)
    checksum = sample_checksum(image, depth, parsing)
    right = checksum == str(column(shard, "checksum", [row])[0])
    classes, counts = np.unique(parsing, return_counts=True)
    return {
        "fields": rows,
        "pixels": "right" if right else "wrong: the pixels are damaged",
        "depth_is_zero": not depth.any(),
        "depth_range": [round(float(one), 4) for one in _range(depth)],
        "classes": {int(n): int(count) for n, count in zip(classes, counts, strict=True)},
        "affine": _numbers(column(shard, "affine", [row])[0]),
    }


def _range(depth: np.ndarray) -> tuple[float, float]:
    face = depth[np.isfinite(depth) & (depth > 0)]
    return (float(face.min()), float(face.max())) if len(face) else (0.0, 0.0)


def _numbers(values: np.ndarray) -> list[Any]:
    """Nested lists, with None in place of what is no finite number."""
    if values.ndim:
        return [_numbers(one) for one in values]
    return float(values) if np.isfinite(values) else None  # type: ignore[return-value]


class Traced(NamedTuple):
    """The way back of one sample. known: plain JSON. picture: of the frame, None without one."""

    known: dict[str, Any]
    picture: pictures.Picture | None


def trace(shard: Shard, row: int, roots: Roots) -> Traced:
    """Go back to the frame that a sample was cut from.

    known: video, frame, sha256 (of the packed video, "" where not recorded), root, found_sha256 (of
    the file there, "" without one), reason (why there is no frame, "" where there is); and with a
    frame: size (width, height), turns (in words), proof (`yes`, or how far the crop that the frame
    gives is from the stored one), because (what may be why), outline (of the crop, four corners)
    and landmarks, both in frame pixels.
    """
    source = origin.origin_of(shard, row)
    root, why = roots.of(shard, source.video)
    found = origin.find_frame(source, root) if root else origin.Found(None, "", why)
    known: dict[str, Any] = {
        "video": source.video,
        "frame": source.frame,
        "sha256": source.sha256,
        "root": str(root) if root else "",
        "found_sha256": found.sha256,
        "reason": found.reason,
    }
    if found.frame is None:
        return Traced(known, None)
    affine = column(shard, "affine", [row])[0]
    image, depth, parsing = (column(shard, name, [row])[0] for name in PIXELS)
    proof = origin.proof(found.frame, affine, image)
    because = ""
    if proof != "yes":
        stored = str(column(shard, "checksum", [row])[0])
        right = sample_checksum(image, depth, parsing) == stored
        because = origin.reasons(shard, source, found, right)
    height, width = found.frame.shape[:2]
    landmarks = column(shard, "landmarks", [row])[0][:, :2]
    known |= {
        "size": [width, height],
        "turns": source.turns(),
        "proof": proof,
        "because": because,
        "outline": outline(affine),
        "landmarks": _numbers(landmarks[np.isfinite(landmarks).all(axis=1)].round(1)),
    }
    return Traced(known, pictures.frame(found.frame))


def outline(affine: np.ndarray) -> list[list[float]] | None:
    """The corners (x, y) of the crop in the frame, four in pixels; None where the affine (2, 3) has
    no inverse.
    """
    if not origin.usable(affine):
        return None
    corners = crops.corners(affine, (IMAGE_SIDE, IMAGE_SIDE))
    return [[float(x), float(y)] for x, y in corners.round(2)]
