"""The rules of the samples of one shard, as pure functions of their arrays.

Each gives a Finding for every sample that breaks the rule; nothing here opens a file.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.bundle import FIELDS, Field, sample_checksum
from pipeline.files.records import is_plain, is_plain_path
from pipeline.verify.findings import Finding, plain


def span(field: Field) -> str:
    """Where the values of a field lie, in words."""
    if field.low is None:
        return "a finite number"
    return f"{field.low:g} or more" if field.high is None else f"{field.low:g} to {field.high:g}"


def ranges(name: str, values: np.ndarray, first: int = 0) -> Iterator[Finding]:
    """Samples with a value of the numeric field `name` outside its range, or not finite.

    values: (n, *shape of the field), of the samples from number `first` on.
    """
    field = FIELDS[name]
    if not len(values) or (values.dtype == np.uint8 and field.high in (None, 255)):
        return  # every byte is within
    flat = values.reshape(len(values), math.prod(field.shape))
    lowest, highest = flat.min(axis=1), flat.max(axis=1)  # both are NaN where one value is
    wrong = ~(np.isfinite(lowest) & np.isfinite(highest))
    if field.nan:
        wrong &= ~np.isnan(lowest)
    too_low = lowest < (-math.inf if field.low is None else field.low)
    too_high = highest > (math.inf if field.high is None else field.high)
    for row in np.flatnonzero(wrong | too_low | too_high):
        is_low = too_low[row] or not np.isfinite(lowest[row])
        value = lowest[row] if is_low else highest[row]
        kind = f"{name} is not {span(field)}"
        yield Finding(kind, f"{name} is {value:g}, not {span(field)}", first + int(row))


def texts(name: str, values: np.ndarray) -> tuple[list[str], list[Finding]]:
    """The texts of a field, (n,) of dtype S, as str, and what is wrong with them: bytes that are no
    UTF-8, which become U+FFFD, and control letters.
    """
    decoded, findings = [], []
    for row, value in enumerate(values.tolist()):
        text = value.decode("utf-8", "replace")
        decoded.append(text)
        if text.encode("utf-8") != value:
            findings.append(Finding(f"{name} is no UTF-8", sample=row))
        elif not (is_plain_path if name in ("subject", "video") else is_plain)(text):
            kind = f"{name} has a control character"
            findings.append(Finding(kind, f"{kind}: {plain(text)}", row))
    return decoded, findings


def affines(values: np.ndarray, first: int) -> Iterator[Finding]:
    """Samples whose affine is anything but a turn, one scale and a shift. values: (n, 2, 3)."""
    wanted = "not a turn, one scale above 0 and a shift"
    for row, ((a00, a01, _), (a10, a11, _)) in enumerate(values.tolist()):
        if not all(map(math.isfinite, (a00, a01, a10, a11))):
            continue  # told as a value that is not finite
        if a11 != a00 or a10 != -a01 or not math.hypot(a00, a01) > 0:
            text = f"affine [[{a00:g}, {a01:g}], [{a10:g}, {a11:g}]] is {wanted}"
            yield Finding(f"affine is {wanted}", text, first + row)


def classes(
    live: np.ndarray, attack: Sequence[str], instrument: Sequence[str]
) -> Iterator[Finding]:
    """Samples whose attack or instrument does not go with live, (n,) of 1 and 0."""
    for row, is_live in enumerate(live.tolist()):
        for name, text in (("attack", attack[row]), ("instrument", instrument[row])):
            if is_live == 1 and text:
                kind = f"{name} on a live sample"
                yield Finding(kind, f"{name} {plain(text)} on a live sample", row)
        if is_live == 0 and not attack[row]:
            yield Finding("no attack on a spoof", sample=row)


DEPTH_ON_SPOOF = "depth on a spoof"


def depths(live: np.ndarray, depth: np.ndarray, first: int) -> Iterator[Finding]:
    """Live samples without depth and spoofs with it. live: (n,); depth: (n, 32, 32)."""
    for row, has_depth in enumerate(depth.any(axis=(1, 2)).tolist()):
        if live[row] == 0 and has_depth:
            yield Finding(DEPTH_ON_SPOOF, sample=first + row)
        if live[row] == 1 and not has_depth:
            yield Finding("no depth on a live sample", sample=first + row)


def checksums(
    pixels: Sequence[np.ndarray], checksum: Sequence[str], first: int
) -> Iterator[Finding]:
    """Samples that do not fit their checksum. pixels: image, depth and parsing of n samples."""
    for row, (sample, said) in enumerate(zip(zip(*pixels, strict=True), checksum, strict=True)):
        if sample_checksum(*sample) != said:
            yield Finding("image, depth and parsing do not fit the checksum", sample=first + row)


def places(place: Sequence[bytes]) -> Iterator[Finding]:
    """Samples that stand twice or out of order. place: bundle.order of each sample."""
    rows: dict[bytes, int] = {}
    for row, here in enumerate(place):
        before = rows.setdefault(here, row)
        if before != row:
            kind = "the same sample twice"
            yield Finding(kind, f"the same sample as number {before}", row)
        elif row and here < place[row - 1]:
            yield Finding("out of the bundle's order", "before it stands one of a later place", row)


def sources(videos: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """What is wrong with the rows of the table `videos`, given by its columns."""
    paths = [path.encode("utf-8", "surrogateescape") for path in videos["video"]]
    if any(a >= b for a, b in pairwise(paths)):
        yield Finding("the table 'videos' is not sorted by path, or names a video twice")
    for name in ("sha256", "faces_sha256"):
        for path, digest in zip(videos["video"], videos[name], strict=True):
            if not re.fullmatch("[0-9a-f]{64}|", digest):
                kind = f"the table 'videos': {name} is no sha256"
                yield Finding(kind, f"{kind}: {plain(digest)} of {plain(path)}")
    for path, turned in zip(videos["video"], videos["upside_down"], strict=True):
        if turned not in (0, 1):
            kind = "the table 'videos': upside_down is not 0 or 1"
            yield Finding(kind, f"{kind}: {turned} of {plain(path)}")


def unknown_videos(
    identities: Sequence[tuple[str, int]], videos: Sequence[str]
) -> Iterator[Finding]:
    """Samples, given as (video, frame), whose video the table `videos` does not list."""
    known = set(videos)
    for row, (video, _) in enumerate(identities):
        if video not in known:
            yield Finding("its video is not in the table 'videos'", sample=row)


def failed_samples(
    identities: Sequence[tuple[str, int]], failures: Mapping[tuple[str, int], str]
) -> Iterator[Finding]:
    """Samples that stand among the failures too: reasons by (video, frame)."""
    for row, identity in enumerate(identities):
        if identity in failures:
            kind = "a failure as well"
            yield Finding(kind, f"{kind}: {plain(failures[identity])}", row)
