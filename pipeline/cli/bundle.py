"""The verbs about a finished bundle: `ocim bundle VERB`."""

from pathlib import Path

import click

from pipeline.cli.options import PATH, InOrder


@click.group(cls=InOrder)
def bundle() -> None:
    """Look into a bundle, check it, compare it with another, hand it to other code."""


@bundle.command("export")
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.option("--format", "form", type=click.Choice(["rfmetafas", "ssdg"]), required=True,
              help="Whose released code is to read it.")  # fmt: skip
@click.option("-o", "--out", type=PATH, required=True, help="Folder to write; made whole.")
@click.option("--protocol", metavar="TEXT",
              help='Like "O&C&I to M": only these, as sources and target.')  # fmt: skip
@click.option("--dataset", "datasets", metavar="NAME", multiple=True,
              help="Only this dataset; may be repeated. Default: all.")  # fmt: skip
@click.option("--drop-short", is_flag=True,
              help="ssdg: leave out videos with too few frames, and list them.")  # fmt: skip
@click.option("--prefix", metavar="TEXT",
              help="ssdg: what the lists name in place of the folder DIR.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Threads; default: all cores.")
def export_bundle(
    folder: Path,
    form: str,
    out: Path,
    protocol: str | None,
    datasets: tuple[str, ...],
    drop_short: bool,
    prefix: str | None,
    jobs: int | None,
) -> None:
    """Write a bundle as pictures and lists that released code reads unchanged.

    rfmetafas is RFMetaFAS's layout, ssdg SSDG's. Both get train and test, and not dev. The bundle
    is left as it is; docs/export.md tells how to point the code at DIR.
    """
    import os

    from pipeline.bundle import Bundle
    from pipeline.export import rfmetafas, ssdg
    from pipeline.export.plan import choose
    from pipeline.export.write import check_apart, export

    if form != "ssdg" and (drop_short or prefix is not None):
        raise click.UsageError("--drop-short and --prefix are of --format ssdg alone")
    out = out.resolve()
    check_apart(out, folder)
    source = Bundle(folder)
    choice = choose(source, protocol, datasets)
    if form == "ssdg":
        plan = ssdg.plan(source, choice, str(out) if prefix is None else prefix, drop_short)
    else:
        plan = rfmetafas.plan(source, choice)
    made = export(plan, out, jobs or os.cpu_count() or 1, click.echo)
    click.echo(f"{out}: {len(plan.paths())} files ({'made' if made else 'finished already'})")


@bundle.command("fetch")
@click.argument("url", metavar="URL")
@click.option("-o", "--out", type=PATH, required=True, help="Folder to copy it to.")
def fetch(url: str, out: Path) -> None:
    """Copy a bundle from an object store to this machine, where training reads it.

    Every shard is checked by the sha256 that the manifest names. The same command goes on after an
    interruption: what is there and right is not fetched again.
    """
    from pipeline.places.fetch import fetch_bundle

    count = fetch_bundle(url, out, click.echo)
    click.echo(f"{out}: {'finished already' if not count else 'fetched'}")


@bundle.command()
@click.argument("path", metavar="BUNDLE|SHARD.h5", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def info(path: Path, as_json: bool) -> None:
    """Say what a bundle, or one shard, holds.

    Counts by dataset and split, failures by reason (every number in it written N), settings, back
    ends, and the notice. No pixel is read.
    """
    from pipeline.bundle import canonical_json
    from pipeline.inspect.info import info, to_lines

    known = info(path)
    click.echo(canonical_json(known) if as_json else "\n".join(to_lines(known)), nl=not as_json)


@bundle.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Say what differs between two bundles: settings, samples, labels, failures, source videos.

    Samples are matched by dataset, video and frame. Pixels are compared by the checksums that the
    shards carry, which `verify` checks, and read only where those differ. Exit code 0: the two hold
    the same, 1: they differ, 2: one is no bundle.
    """
    from pipeline.bundle import canonical_json
    from pipeline.inspect.diff import diff
    from pipeline.inspect.diff_text import to_lines

    found = diff(a, b)
    click.echo(canonical_json(found) if as_json else "\n".join(to_lines(found)), nl=not as_json)
    if not found["same"]:
        raise SystemExit(1)


@bundle.command()
@click.argument("sample", metavar="SHARD.h5:INDEX")
@click.option("-o", "--out", type=PATH, help="The picture; default: SHARD-INDEX.png here.")
@click.option("--root", type=PATH, help="Folder of the dataset's videos.")
@click.option("--config", "config_path", type=PATH,
              help="It names the root as well; default: the bundle's run.")  # fmt: skip
def show(sample: str, out: Path | None, root: Path | None, config_path: Path | None) -> None:
    """Draw one sample beside the video frame it came from. INDEX counts from 0.

    The frame is decoded again from the video, and it is said whether it gives the stored crop byte
    for byte. Without --root or --config the config.yaml beside the bundle's folder names the
    videos; where there is none, the sample is shown without its frame. Exit code 1: the frame gives
    another crop, or the sample is damaged.
    """
    from pipeline.inspect.show import show

    shown = show(sample, out, root, config_path)
    click.echo("\n".join(shown.lines))
    if not shown.right:
        raise SystemExit(1)


@bundle.command("verify")
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.option("--jobs", type=click.IntRange(1), help="Shards at once; default: all cores.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def verify_bundle(folder: Path, jobs: int | None, as_json: bool) -> None:
    """Check every byte and every rule of a bundle, and say where it is damaged or wrong.

    One line for each thing that is wrong, beginning with the file's name; of one kind the first
    five, and how many more. Damaged files are safe to check. Exit code 0: nothing is wrong, 1:
    something is, 2: it is no bundle.
    """
    import json
    import sys

    from pipeline.files.room import gigabytes
    from pipeline.verify.check import verify

    def done(file: str) -> None:
        if sys.stderr.isatty():  # for who waits; a file or another program has no use for it
            click.echo(f"\r\x1b[Klooked at {file}", err=True, nl=False)

    report = verify(folder, jobs, done)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    if as_json:
        click.echo(json.dumps(report.as_json, indent=1, sort_keys=True))
    elif report.findings:
        click.echo("\n".join(report.lines))
    else:
        click.echo(
            f"{folder}: right: {report.shards} shards, {report.samples} samples,"
            f" {gigabytes(report.bytes)}"
        )
    if report.findings:
        raise SystemExit(1)
