"""The verbs that train and measure: train, evaluate, metrics."""

from collections.abc import Callable
from pathlib import Path

import click

from pipeline.cli.options import PATH, config_option, load_or_default
from train.config import Settings
from train.options import training_options


@click.command()
@click.option("--bundle", type=PATH, help="Folder of the bundle; default: OUT/bundle.")
@training_options
@config_option
@click.pass_context
def train(
    context: click.Context,
    bundle: Path | None,
    change: Callable[[Settings], Settings],
    out: Path | None,
    config_path: Path,
    restart: bool,
) -> None:
    """Train the paper's method, an ablation or a baseline on a bundle, leaving one dataset out.

    The same command again goes on where a run was stopped.
    """
    from pipeline.layout import Layout
    from train.options import run_training

    config = load_or_default(context, config_path, bundle)
    layout = Layout(config.out)
    run_training(
        change(config.train),
        bundle or layout.bundle,
        out or layout.model.parent,
        restart,
        # The configuration's own place holds what the configuration says.
        replace="finished" if out is None else "nothing",
    )


@click.command()
@click.argument("model", type=PATH, required=False)
@click.option("--bundle", type=PATH, help="Folder of the bundle; default: OUT/bundle.")
@click.option("-o", "--out", type=PATH, help="The results; default: OUT/results.json.")
@click.option("--scores", type=PATH, help="The scores; default: scores.csv beside the results.")
@click.option("--threshold", type=float, help="The threshold of the rule fixed; default: 0.5.")
@config_option
@click.pass_context
def evaluate(
    context: click.Context,
    model: Path | None,
    bundle: Path | None,
    out: Path | None,
    scores: Path | None,
    threshold: float | None,
    config_path: Path,
) -> None:
    """Score the left-out dataset: HTER, AUC and EER, and rates at four thresholds.

    MODEL is a trained model; default: OUT/train/model.pt.
    """
    from pipeline.layout import Layout
    from train.evaluation.evaluate import evaluate
    from train.evaluation.printed import short

    layout = Layout(load_or_default(context, config_path, bundle).out)
    out = out or layout.results
    scores = scores or out.with_name(layout.scores.name)
    results = evaluate(model or layout.model, bundle or layout.bundle, out, scores, threshold)
    click.echo(short(results, results["thresholds"]))
    click.echo(f"{scores}: every frame's score")
    click.echo(f"{out}: results")


@click.command()
@click.argument("scores", type=PATH)
@click.option("--sources", type=PATH, help="Scores that the threshold sources_eer is found on.")
@click.option("--threshold", type=float, help="The threshold of the rule fixed; default: 0.5.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, fractions from 0 to 1.")
def metrics(scores: Path, sources: Path | None, threshold: float | None, as_json: bool) -> None:
    """Compute the error rates of a scores file, with intervals.

    By frame and by video: HTER, AUC, EER, APCER by attack instrument, BPCER, ACER, and BPCER at
    APCER 1, 5 and 10%, at four thresholds (docs/results.md).
    SCORES is a CSV with the columns video, frame, live, score, and attack, instrument, subject,
    dataset where they are known. Higher is live; an empty score is a failure to acquire; a video's
    score is the mean of its frames'. --sources takes a CSV like it, such as the
    held_out_scores.csv beside a model.
    """
    import json

    from train.evaluation.metrics import of_files
    from train.evaluation.printed import whole

    result = of_files(scores, sources, threshold)
    click.echo(json.dumps(result) if as_json else whole(result, result["thresholds"]))
