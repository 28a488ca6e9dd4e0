"""The verbs for eyes: label one picture, and the report of a run."""

from pathlib import Path

import click

from pipeline.cli.options import PATH, config_option, load


@click.command()
@click.argument("image", type=PATH)
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the pictures.")
@click.option("--frame", is_flag=True, help="Depth and parsing with the input's size and place.")
@click.option("--config", "config_path", type=PATH, help="Configuration with the crop's geometry.")
def label(image: Path, out: Path, frame: bool, config_path: Path | None) -> None:
    """Make the labels of one picture, to look at.

    Writes STEM_crop.png, STEM_depth.png (8-bit grey), STEM_parsing.png (palette, classes 0 to 12)
    and STEM_overlay.png.
    """
    from pipeline.config import CropSettings
    from pipeline.label import label_image

    settings = load(config_path).crop if config_path else CropSettings()
    for path in label_image(image, out, settings, frame):
        click.echo(path)


@click.command()
@config_option
def report(config_path: Path) -> None:
    """Write the report of a run, one HTML page."""
    from pipeline.config import Layout
    from pipeline.report import write_report

    config = load(config_path)
    write_report(config, Layout(config.out))
    click.echo(f"{Layout(config.out).report}: open it in a browser")
