"""The verbs that use a trained model: predict, export-onnx."""

from pathlib import Path

import click

from pipeline.cli.options import PATH


@click.command()
@click.argument("model", type=PATH)
@click.argument("paths", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--every", type=click.IntRange(1, 10_000), default=5, show_default=True,
              help="Of a video: each N-th frame.")  # fmt: skip
@click.option("--upside-down", is_flag=True,
              help="Turn files by 180 degrees that do not say which way up they are.")  # fmt: skip
@click.option("--threshold", type=float, metavar="X",
              help="Live from this score on; default: the model's own.")  # fmt: skip
@click.option("--frames", is_flag=True, help="A line for each frame as well, and every remark.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
@click.option("--scores", type=PATH, help="Write a CSV: video, frame, score.")
@click.option("--threads", type=click.IntRange(1, 1024),
              help="Of the processor; default: as the model was trained.")  # fmt: skip
def predict(
    model: Path,
    paths: tuple[Path, ...],
    every: int,
    upside_down: bool,
    threshold: float | None,
    frames: bool,
    as_json: bool,
    scores: Path | None,
    threads: int | None,
) -> None:
    """Score pictures and videos by a trained model.

    PATH is a picture, a video, or a folder of them. Faces are found and cut as for training, with
    the model's own crop settings. A score is no proof that a person is alive. Exit code 0: each
    file has a score, 1: some have none, 2: a mistake in the input.
    """
    from pipeline.predict.run import Options, run

    options = Options(every, upside_down, threshold, frames, as_json, scores, threads)
    if not run(model, paths, options, click.echo):
        raise SystemExit(1)


@click.command("export-onnx")
@click.argument("model", type=PATH)
@click.option("-o", "--out", type=PATH, required=True, help="The file, such as model.onnx.")
@click.option("--bundle", type=PATH, help="Check on crops of this bundle, too.")
def export_onnx(model: Path, out: Path, bundle: Path | None) -> None:
    """Write a trained model as ONNX.

    It takes crops (n, 256, 256, 3) uint8 RGB and gives scores (n,) float32; docs/deployment.md
    tells how to use it. ONNX Runtime's scores are held against torch's first. Exit code 1: they
    differ, and nothing is written.
    """
    from pipeline.onnx.export import export_onnx

    result = export_onnx(model, out, bundle)
    click.echo(result)
    if not result.good:
        click.echo(f"{out}: not written")
        raise SystemExit(1)
    click.echo(f"{out}: written")
