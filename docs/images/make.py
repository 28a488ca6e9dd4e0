"""Draw the pictures of README.md and docs/: `python docs/images/make.py [BUNDLE]`.

labels.jpg is scikit-image's astronaut (NASA, public domain) through `ocim label`: crop, depth,
parsing, overlay. replica.jpg is a contact sheet of a bundle of the replica, one pair of live and
spoof a dataset, origin.jpg what `ocim bundle show` makes of a live sample of it; both are drawn
only where the folder of such a bundle is given.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from pipeline.bundle import Bundle
from pipeline.look.sheets import choose, sheet

HERE = Path(__file__).parent
GAP = 8


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one height in a row, on white."""
    width = sum(p.width for p in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, pictures[0].height), "white")
    x = 0
    for picture in pictures:
        row.paste(picture.convert("RGB"), (x, 0))
        x += picture.width + GAP
    return row


def labels_picture() -> Image.Image:
    """The four pictures that `ocim label` makes of the astronaut."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "astronaut.png"
        Image.fromarray(astronaut()).save(image)
        subprocess.run(["ocim", "label", image, "-o", folder], check=True)
        names = ("crop", "depth", "parsing", "overlay")
        pictures = [Image.open(image.with_name(f"astronaut_{name}.png")) for name in names]
        return beside(pictures)


def replica_picture(folder: Path) -> Image.Image:
    """The first live and the first spoof sample of each dataset: crop, depth, parsing, overlay."""
    bundle = Bundle(folder)
    chosen = []
    for name in bundle.datasets:
        shards = bundle.shards(name)
        chosen += [*choose(shards, 1)[:1], *choose(shards, 0)[:1]]
    return Image.fromarray(np.ascontiguousarray(sheet(chosen)))


def origin_picture(folder: Path) -> Image.Image:
    """A live sample of MSU beside the frame that it came from."""
    shard = Bundle(folder).shards("msu")[0]
    row = int(np.flatnonzero(shard.live == 1)[0])
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "origin.png"
        subprocess.run(["ocim", "bundle", "show", f"{shard.path}:{row}", "-o", out], check=True)
        return Image.open(out).convert("RGB")


if __name__ == "__main__":
    labels_picture().save(HERE / "labels.jpg", quality=90)
    if len(sys.argv) > 1:
        replica_picture(Path(sys.argv[1])).save(HERE / "replica.jpg", quality=85)
        origin_picture(Path(sys.argv[1])).save(HERE / "origin.jpg", quality=85)
