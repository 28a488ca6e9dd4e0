"""The verbs for eyes: label one picture, and the report of a run."""

from pathlib import Path

import click

from pipeline.cli.options import PATH, config_option, load


@click.command()
@click.argument("path", metavar="IMAGE|VIDEO", type=PATH)
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the pictures.")
@click.option("--frame", is_flag=True, help="Depth and parsing with the input's size and place.")
@click.option("--every", type=click.IntRange(1, 10_000), default=1, show_default=True,
              help="Of a video: each N-th frame.")  # fmt: skip
@click.option("--landmarks", metavar="NAME", help="embedded, tasks or fan.")
@click.option("--depth", metavar="NAME", help="facemesh, prnet or fan3d.")
@click.option("--parsing", metavar="NAME", help="facemesh or bisenet.")
@click.option("--config", "config_path", type=PATH,
              help="Configuration: its crop, depth and parse sections count here.")  # fmt: skip
def label(
    path: Path,
    out: Path,
    frame: bool,
    every: int,
    landmarks: str | None,
    depth: str | None,
    parsing: str | None,
    config_path: Path | None,
) -> None:
    """Make the labels of a picture or a video, to look at.

    Writes STEM_crop.png, STEM_depth.png (8-bit grey), STEM_parsing.png (palette, classes 0 to 12)
    and STEM_overlay.png. Of a video: STEM_00000_crop.png and so on for each frame with a face, and
    STEM_overlay.mp4.
    """
    from pipeline.config import Config
    from pipeline.frames.pictures import is_picture
    from pipeline.look.label import label_image
    from pipeline.look.label_video import label_video

    config = load(config_path) if config_path else Config()
    config = config.with_backends(landmarks, depth, parsing)
    if is_picture(path):
        for written in label_image(path, out, config, frame):
            click.echo(written)
        return
    made = label_video(path, out, config, frame, every)
    for failure in made.failures:
        where = "the video" if failure.frame < 0 else f"frame {failure.frame}"
        click.echo(f"{where}: {failure.reason}")
    for remark in made.remarks:
        where = "the video" if remark.frame < 0 else f"frame {remark.frame}"
        click.echo(f"{where}: {remark.text}")
    click.echo(f"{made.overlay}: {len(made.frames)} frames labelled")


@click.command()
@click.option("--run", type=PATH,
              help="Folder of another training on this bundle, with its results.json.")  # fmt: skip
@config_option
def report(run: Path | None, config_path: Path) -> None:
    """Write the report of a run, one HTML page: numbers, thresholds, curves, worst frames, data.

    Reads bundle, index, train/curves.csv, scores.csv and results.json of the run. With --run the
    last three, and settings.json, come from that folder, and report.html goes there.
    """
    from pipeline.layout import Layout
    from pipeline.report import write_report
    from train.settings import settings_from_json

    config = load(config_path)
    layout = Layout(config.out)
    if run is not None:
        layout = layout.with_run(run)
        config = config.model_copy(update={"train": settings_from_json(run / "settings.json")})
    path = write_report(config, layout)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, open it in a browser")
