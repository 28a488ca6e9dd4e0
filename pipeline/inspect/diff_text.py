"""The difference between two bundles in lines, as `ocim bundle diff` prints it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.inspect.diff import LISTS
from pipeline.inspect.fields import LARGEST, MEASURES
from pipeline.inspect.read import SHOWN, printable

_VIDEOS = 20
"""How many source videos are named; JSON has all."""
_LONGEST = 80
_UNITS = {"image": " of 0 to 255", "depth": " of 0 to 1", "landmarks": " pixels"}


def to_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The lines of what `pipeline.inspect.diff.diff` gives; one where the two hold the same."""
    a, b = found["a"], found["b"]
    if found["same"]:
        files = "" if a["hash"] == b["hash"] else ", though not in the same files"
        yield (
            f"the same: {a['samples']} samples, pixels by the checksums that the shards"
            f" carry{files}"
        )
        return
    for side, one in (("A", a), ("B", b)):
        yield f"{side}: {one['samples']} samples, hash {one['hash']}"
    for row in found["settings"]:
        where = f"{printable(row['dataset'])}: " if row["dataset"] else ""
        yield f"{where}{printable(row['key'])}: {_pair(row)}"
    for row in found["splits"]:
        yield from _split_lines(row)
    for row in found["moved"]:
        yield (
            f"{printable(row['dataset'])}: {_many(row['count'], 'sample')} moved from"
            f" {printable(row['from'])} to {printable(row['to'])}: {_names(row)}"
        )
    for name in LISTS:
        for side in ("a", "b"):
            yield from _row_lines(name, side, found[name][f"only_{side}"])
    yield from _video_lines(found["videos"])


def _split_lines(row: Mapping[str, Any]) -> Iterator[str]:
    where = f"{printable(row['dataset'])} {printable(row['split'])}"
    for side in ("a", "b"):
        only = row[f"only_{side}"]
        if only["count"]:
            count = _many(only["count"], "sample")
            yield f"{where}: {count} only in {side.upper()}: {_names(only)}"
    for name, one in row["fields"].items():
        yield f"{where}: {name}: {_field(name, one, row['both'])}"


def _field(name: str, one: Mapping[str, Any], both: int) -> str:
    if "missing_in" in one:
        return f"missing in {one['missing_in'].upper()}"
    text = f"{one['samples']} of {both} samples differ"
    first = f"first {_name(one['first'])}"
    if name == "checksum":
        return f"{text} though their pixels are the same: ocim bundle verify says why; {first}"
    if "a" in one:
        return f"{text}; {first}: {_pair(one)}"
    measure = MEASURES.get(name, LARGEST).name
    value = one[measure]
    if value is None:
        distance = "no number to compare"
    elif name == "parsing":
        distance = f"{value:.4%} of their pixels of another class"
    else:
        distance = f"{measure.replace('_', ' ')} {value:.6g}{_UNITS.get(name, '')}"
    if one.get("without_number") and value is not None:
        distance += f" ({one['without_number']} have none in one of the two)"
    return f"{text}, {distance}; {first}"


def _row_lines(name: str, side: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield f"{name} only in {side.upper()}: {len(rows)}"
    for row in rows[:SHOWN]:
        where = row.get("frame", row.get("frames", ""))
        frame = f" frame {where}" if where not in ("", -1) else ""
        what = " ".join(
            str(row[key]) for key in ("action", "value", "text", "reason") if key in row
        )
        yield printable(f"  {row['dataset']}: {row.get('video', '')}{frame}: {what}")
    if len(rows) > SHOWN:
        yield f"  and {len(rows) - SHOWN} more; --json has all"


def _video_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Those that are not the same are named; of those only in one bundle the first few are."""
    other = [row for row in rows if "only_in" not in row]
    for row in other[:_VIDEOS]:
        for name in ("sha256", "faces_sha256", "upside_down"):
            if name in row:
                where = f"{printable(row['dataset'])}: video {printable(row['video'])}"
                yield f"{where}: {name}: {_pair(row[name])}"
    if len(other) > _VIDEOS:
        yield f"and {len(other) - _VIDEOS} more source videos that differ; --json has all"
    only: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "only_in" in row:
            only.setdefault((row["dataset"], row["only_in"]), []).append(printable(row["video"]))
    for (dataset, side), those in only.items():
        named = ", ".join(those[:SHOWN]) + (", ..." if len(those) > SHOWN else "")
        count = _many(len(those), "source video")
        yield f"{printable(dataset)}: {count} listed only in {side.upper()}: {named}"


def _pair(row: Mapping[str, Any]) -> str:
    """`1.4 -> 1.5`; of long texts the first line that differs."""
    texts = [str(row[side]) if side in row else None for side in ("a", "b")]
    left, right = texts
    if left is not None and right is not None and "\n" in left + right:
        lines = zip((*left.splitlines(), ""), (*right.splitlines(), ""), strict=False)
        texts = list(next(((x, y) for x, y in lines if x != y), (left, right)))
    return " -> ".join("not there" if text is None else _short(text) for text in texts)


def _short(text: str) -> str:
    text = printable(text) or "''"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _name(sample: Mapping[str, Any]) -> str:
    return f"{printable(str(sample['video']))} frame {sample['frame']}"


def _names(those: Mapping[str, Any]) -> str:
    more = ", ..." if those["count"] > len(those["first"]) else ""
    return ", ".join(map(_name, those["first"])) + more
