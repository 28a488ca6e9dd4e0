"""The verb that draws the paper's figures of one's own runs: explain."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import PATH, config_option, load_or_default

if TYPE_CHECKING:
    from pipeline.explain.findings import Towards
    from pipeline.explain.internals import LayerName


@click.command()
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option("--bundle", type=PATH, help="Folder of the bundle; default: OUT/bundle.")
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the figures.")
@click.option("--samples", type=click.IntRange(2, 32), default=None,
              help="Pictures in a figure, half live and half spoof; default: 8.")  # fmt: skip
@click.option("--sample", "named", metavar="DATASET:VIDEO:FRAME", multiple=True,
              help="Show this sample; may be repeated. Without --samples these alone.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True,
              help="Decides which samples are shown and measured, and t-SNE.")  # fmt: skip
@click.option("--names", metavar="TEXT", multiple=True,
              help="What a run is called; once for each run, in their order.")  # fmt: skip
@click.option("--only", metavar="FIGURES", default="gradcam,tsne,parsing,depth", show_default=True,
              help="Which figures, joined by commas.")  # fmt: skip
@click.option("--layer", type=click.Choice(["meta", "stage3"]), default="meta", show_default=True,
              help="Grad-CAM: the last convolutions of M, or of F, which are finer.")  # fmt: skip
@click.option("--towards", type=click.Choice(["decision", "live", "spoof"]), default="decision",
              show_default=True,
              help="Grad-CAM: of which class; decision: each run's own.")  # fmt: skip
@click.option("--points", type=click.IntRange(2, 5000), default=200, show_default=True,
              help="Samples that are measured, of each dataset and class at most.")  # fmt: skip
@click.option("--perplexity", type=click.FloatRange(1, 500), default=30, show_default=True,
              help="Of t-SNE.")  # fmt: skip
@config_option
@click.pass_context
def explain(
    context: click.Context,
    runs: tuple[Path, ...],
    bundle: Path | None,
    out: Path,
    samples: int | None,
    named: tuple[str, ...],
    seed: int,
    names: tuple[str, ...],
    only: str,
    layer: "LayerName",
    towards: "Towards",
    points: int,
    perplexity: float,
    config_path: Path,
) -> None:
    """Draw the paper's figures of runs, side by side: Grad-CAM, t-SNE, parsing, depth.

    RUN is the folder of a run or a model. All runs see the same samples of the dataset that they
    leave out. OUT gets gradcam.png, tsne.png, parsing.png, depth.png, their numbers in
    explain.json, and explain.html with all of it.
    """
    from pipeline.explain.explain import explain
    from pipeline.explain.findings import Options
    from pipeline.layout import Layout

    options = Options(
        samples=samples,
        named=named,
        seed=seed,
        names=names,
        only=tuple(name.strip() for name in only.split(",")),
        layer=layer,
        towards=towards,
        points=points,
        perplexity=perplexity,
    )
    config = load_or_default(context, config_path, bundle)
    folder = bundle or Layout(config.out).bundle
    explain(runs, folder, out, options, click.echo)
