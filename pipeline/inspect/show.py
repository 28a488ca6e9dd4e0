"""One sample of a bundle as one picture: the frame it came from, its crop, its labels, in words."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.bundle import FIELDS, BundleError, Shard, sample_checksum
from pipeline.errors import UserError
from pipeline.files.store import replace_whole
from pipeline.inspect import origin
from pipeline.inspect.picture import Picture, draw
from pipeline.inspect.read import column, printable

_SAMPLE = re.compile(r"(.+):(-?[0-9]{1,12})", re.DOTALL)
_PROOF = "the frame gives the stored crop"
_QUALITY = {
    "face_size": ("face size", "{:.0f} pixels"),
    "faces": ("faces in the frame", "{:d}"),
    "detection_score": ("detection score", "{:.3f}"),
    "yaw": ("yaw", "{:.1f}°"),
    "pitch": ("pitch", "{:.1f}°"),
    "roll": ("roll", "{:.1f}°"),
    "brightness": ("brightness", "{:.3f}"),
    "sharpness": ("sharpness", "{:.1f}"),
    "padding": ("padding", "{:.1%}"),
    "shipped_distance": ("from the dataset's own position", "{:.3f} face squares"),
}
"""The quality figures: what each is called, and how it is written."""


class Line(NamedTuple):
    """One line of text about a sample."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {printable(self.text)}"

    def in_picture(self) -> tuple[str, str]:
        """Name and text as the picture has them: names stand in a column, a sentence does not."""
        return ("", str(self)) if self.name == _PROOF else (self.name, printable(self.text))


class Shown(NamedTuple):
    """What `show` tells. right: the checksum is, and the frame, where one was found, gives the
    stored crop.
    """

    lines: list[str]
    right: bool


def show(sample: str, out: Path | None, root: Path | None, config: Path | None) -> Shown:
    """Write the picture of SHARD.h5:INDEX; the lines that are printed of it end with its path.

    out: the picture, by default SHARD-INDEX.png in the working folder. root, config: see
    origin.root_of. Raises UserError or BundleError where there is no such sample, and BundleError
    where it has a class that there is not.
    """
    shard, row = find(sample)
    values = {
        name: column(shard, name, [row])[0] for name, field in FIELDS.items() if name != "checksum"
    }
    checksum = str(column(shard, "checksum", [row])[0])
    right = sample_checksum(*(values[name] for name in ("image", "depth", "parsing"))) == checksum
    if values["parsing"].max() >= len(FIELDS["parsing"].values):
        raise BundleError(
            f"{shard.path}: sample {row} has a class above 12; run ocim bundle verify"
        )
    source = origin.origin_of(shard, row)
    place, why = origin.root_of(shard, source.video, root, config)
    found = origin.find_frame(source, place) if place else origin.Found(None, "", why)
    lines = [
        *labels(shard, values),
        Line("quality", quality(values)),
        Line("video sha256", hashes(source, found)),
        Line("checksum", "right" if right else "wrong: its pixels are damaged"),
        *frame_lines(shard, source, found, values, right),
    ]
    path = out if out is not None else Path(f"{shard.path.stem}-{row}.png")
    picture = Picture(
        found.frame,
        lines=[line.in_picture() for line in lines],
        **{name: values[name] for name in ("affine", "landmarks", "image", "depth", "parsing")},
    )
    with replace_whole(path) as temporary:
        draw(picture).save(temporary, "PNG")
    fits = all(line.text == "yes" for line in lines if line.name == _PROOF)
    return Shown([*map(str, lines), str(path)], right and fits)


def find(sample: str) -> tuple[Shard, int]:
    """The shard and the row that SHARD.h5:INDEX names; UserError or BundleError where none is."""
    match = _SAMPLE.fullmatch(sample)
    if match is None:
        raise UserError(
            f"{printable(sample)}: no SHARD.h5:INDEX with an index from 0, as"
            " oulu-train-00000-of-00001.h5:0"
        )
    shard, row = Shard(Path(match[1])), int(match[2])
    if not 0 <= row < len(shard):
        last = f"so the last one is {len(shard) - 1}" if len(shard) else "so it has none to show"
        raise UserError(f"{shard.path}: sample {row} is not there: it has {len(shard)}, {last}")
    return shard, row


def labels(shard: Shard, values: Mapping[str, Any]) -> Iterator[Line]:
    """Whose sample it is, and what is said of it."""
    yield Line(
        "sample", f"{shard.dataset} {shard.split}, {values['video']}, frame {values['frame']}"
    )
    kind = "live" if values["live"] else "spoof"
    if values["attack"] or values["instrument"]:
        kind += f", attack {values['attack'] or 'unknown'}"
        kind += f", instrument {values['instrument'] or 'unknown'}"
    about = (f"{name} {values[name]}" for name in ("subject", "session", "device") if values[name])
    yield Line("label", ", ".join((kind, *about)))


def quality(values: Mapping[str, Any]) -> str:
    """The quality figures in one text; those that are not known are left out."""
    return ", ".join(
        f"{title} {form.format(values[name].item())}"
        for name, (title, form) in _QUALITY.items()
        if np.isfinite(values[name])
    )


def hashes(source: origin.Origin, found: origin.Found) -> str:
    """The sha256 of the packed video, and whether the file that was found has it."""
    packed = source.sha256 or "not recorded"
    if not found.sha256:
        return f"{packed}; no file to compare it with"
    if not source.sha256:
        return f"{packed}; the file found has {found.sha256}"
    if found.sha256 == source.sha256:
        return f"{packed}; the file found has it"
    return f"{packed}; the file found has another: {found.sha256}"


def frame_lines(
    shard: Shard,
    source: origin.Origin,
    found: origin.Found,
    values: Mapping[str, Any],
    checksum_right: bool,
) -> Iterator[Line]:
    """Whether the frame gives the stored crop, or why there is no frame."""
    if found.frame is None:
        yield Line("frame", f"not shown: {found.reason}")
        return
    height, width = found.frame.shape[:2]
    yield Line("frame", ", ".join([f"{width} x {height}, upright", *source.turns()]))
    proof = origin.proof(found.frame, values["affine"], values["image"])
    if proof != "yes" and (why := origin.reasons(shard, source, found, checksum_right)):
        proof += f"; {why}"
    yield Line(_PROOF, proof)
