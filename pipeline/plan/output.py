"""A plan in lines for people, and as JSON (docs/schemas/plan.schema.json)."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.files.room import gigabytes
from pipeline.plan.headers import STORED_BYTES, STORED_PIXELS
from pipeline.plan.plan import DatasetPlan, Plan

SCHEMA = 1
_HEAD = ("dataset", "videos", "frames (about)", "samples (at most)", "partitions (done)",
         "to write", "decode", "crop", "depth", "parse")  # fmt: skip


def to_lines(plan: Plan) -> Iterator[str]:
    """What `ocim plan` prints, line by line."""
    rows = [_HEAD, *(_row(dataset) for dataset in plan.datasets)]
    if len(plan.datasets) > 1:
        rows.append(_total(plan))
    yield from _table(rows)
    for dataset in plan.datasets:
        yield from _remarks(dataset, plan.options.packets)
    source = "packets, counted" if plan.options.packets else "headers, which may lie"
    if any(dataset.read for dataset in plan.datasets):
        yield f"frames are from the files' {source}"
    yield "samples, bytes and time are for a face in every frame: at most"
    shards = sum(len(dataset.shards) for dataset in plan.datasets)
    room = ""
    if plan.free is not None:
        little = "; TOO LITTLE ROOM" if plan.to_write > plan.free else ""
        room = f"; free in {plan.out}: {gigabytes(plan.free)}{little}"
    yield (
        f"bundle: {gigabytes(plan.bundle_bytes)} in {shards} shards; crops, depth, parsing:"
        f" {gigabytes(plan.stage_bytes)}; to write: {gigabytes(plan.to_write)}{room}"
    )
    yield from _time(plan)
    yield f"rates: {plan.rates_from}: {plan.rates.processor}; {plan.rates.measured}"


def _row(dataset: DatasetPlan) -> tuple[str, ...]:
    return (
        dataset.name,
        f"{dataset.videos:,}",
        f"{dataset.frames:,}",
        f"{dataset.samples:,}",
        f"{dataset.partitions} ({dataset.done})",
        gigabytes(dataset.to_write),
        *(duration(dataset.seconds[name]) for name in ("decode", "crop", "depth", "parse")),
    )


def _total(plan: Plan) -> tuple[str, ...]:
    def added(name: str) -> int:
        return sum(getattr(dataset, name) for dataset in plan.datasets)

    return (
        "all",
        *(f"{added(name):,}" for name in ("videos", "frames", "samples")),
        f"{added('partitions')} ({added('done')})",
        gigabytes(added("to_write")),
        *(duration(plan.seconds[name]) for name in ("decode", "crop", "depth", "parse")),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )


def _remarks(dataset: DatasetPlan, packets: bool) -> Iterator[str]:
    if not dataset.read and dataset.videos:
        yield (
            f"{dataset.name}: in a store, so no header is read; frames are the files' sizes over"
            f" {STORED_BYTES:,} bytes of {STORED_PIXELS:,} pixels, which is assumed"
        )
    elif dataset.read < dataset.videos:
        yield (
            f"{dataset.name}: {dataset.read:,} headers read, the other videos taken to be like them"
        )
    if dataset.unreadable:
        rest = dataset.unreadable - len(dataset.reasons)
        more = f" and {rest} more" if rest else ""
        yield (
            f"{dataset.name}: {dataset.unreadable:,} files cannot be opened and count as none:"
            f" {'; '.join(dataset.reasons)}{more}"
        )
    if dataset.counted and not packets:
        yield (
            f"{dataset.name}: the headers of {dataset.counted:,} files say nothing of their frames,"
            " or nothing to be believed; their packets were counted"
        )


def _time(plan: Plan) -> Iterator[str]:
    if plan.unknown:
        yield (
            f"time: not known: there is no rate for {', '.join(plan.unknown)}; --measure takes it"
            " on this machine"
        )
        return
    machines, cores, jobs = plan.options.machines, plan.options.cores, plan.jobs
    what = f"{machines} {'machine' if machines == 1 else 'machines'} of {cores} cores"
    if not jobs and not plan.pack:
        yield "time: nothing is left to do"
        return
    longest = max(jobs, default=0.0)
    yield (
        f"time on {what}: about {duration(plan.labels + plan.pack)}: labels"
        f" {duration(plan.labels)} ({duration(sum(jobs))} of one core in {len(jobs)} partitions,"
        f" the longest {duration(longest)}), then pack {duration(plan.pack)}"
    )
    if jobs and plan.labels < 1.05 * longest and len(jobs) <= machines * cores:
        yield (
            f"more than {len(jobs)} cores gain nothing: one partition is one job; more of them"
            " (datasets.NAME.partitions) do"
        )


def duration(seconds: float) -> str:
    """A time for people: 0.4 s, 35 s, 12 min, 3.2 h, 4.1 days."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds else "0 s"
    for limit, unit, scale, digits in (
        (90, "s", 1, 0), (5400, "min", 60, 0), (172_800, "h", 3600, 1),
    ):  # fmt: skip
        if seconds < limit:
            return f"{seconds / scale:.{digits}f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def to_json(plan: Plan) -> dict[str, Any]:
    """What `ocim plan --json` prints: plain values after docs/schemas/plan.schema.json."""
    return {
        "schema": SCHEMA,
        "out": plan.out,
        "machines": plan.options.machines,
        "cores": plan.options.cores,
        "datasets": [_json(dataset) for dataset in plan.datasets],
        "bytes": {"bundle": plan.bundle_bytes, "stages": plan.stage_bytes,
                  "to_write": plan.to_write, "free": plan.free},
        "seconds": None if plan.unknown else {
            "cores": sum(plan.jobs),
            "longest_partition": max(plan.jobs, default=0.0),
            "labels": plan.labels,
            "pack": plan.pack,
            "all": plan.labels + plan.pack,
        },
        "no_rate_for": list(plan.unknown),
        "rates": {"from": plan.rates_from, **plan.rates.model_dump(mode="json")},
    }  # fmt: skip


def _json(dataset: DatasetPlan) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "videos": {"all": dataset.videos, "live": dataset.live_videos},
        "headers": {"read": dataset.read, "unreadable": dataset.unreadable,
                    "counted": dataset.counted, "reasons": list(dataset.reasons)},
        "frames": dataset.frames,
        "samples": {"all": dataset.samples, "live": dataset.live_samples},
        "partitions": {"all": dataset.partitions, "done": dataset.done},
        "shards": len(dataset.shards),
        "bytes": {**dataset.bytes, "to_write": dataset.to_write},
        "core_seconds": dataset.seconds,
    }  # fmt: skip
