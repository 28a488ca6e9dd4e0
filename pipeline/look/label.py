"""The labels of one picture, as pictures to look at."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from labels import classes
from labels.view import LabelError, View
from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import Config
from pipeline.cropping.samples import LOOSE_MARGIN, LOOSE_SIDE
from pipeline.errors import UserError
from pipeline.files.store import replace_whole
from pipeline.frames.pictures import read_picture
from pipeline.frames.video import VideoError


class Labeller:
    """The depth and parsing back ends of a configuration, loaded once.

    loose: whether one of them reads the looser picture. batch: how many views they take at most.
    """

    def __init__(self, config: Config) -> None:
        choices = config.depth.choice(), config.parse.choice()
        self.loose = any(choice.backend.loose for choice in choices)
        self.batch = min(8, *(choice.backend.batch for choice in choices))
        self._depth, self._parsing = (choice.load() for choice in choices)

    def __call__(self, views: Sequence[View]) -> Iterator[dict[str, Image.Image] | LabelError]:
        """For each view, in order, its pictures by name: depth (8-bit grey), parsing (palette) and
        overlay (RGB), each of the view's size; or the LabelError that says why it has none.
        """
        for view, depth, parsing in zip(
            views, self._depth(views), self._parsing(views), strict=True
        ):
            if isinstance(depth, LabelError):
                yield LabelError(f"no depth: {depth}")
            elif isinstance(parsing, LabelError):
                yield LabelError(f"no parsing: {parsing}")
            else:
                yield {
                    "depth": Image.fromarray(grey(depth)),
                    "parsing": palette_image(parsing),
                    "overlay": Image.fromarray(overlay(view.picture, parsing)),
                }


def label_image(path: Path, out: Path, config: Config, frame: bool) -> list[Path]:
    """Write crop, depth, parsing and overlay of the picture's face to `out`; return their paths.

    Of several faces the largest is taken. frame: depth, parsing and overlay have the size and the
    geometry of the picture itself, else those of the crop. Raises UserError where the picture
    cannot be read, has no face, or its face gives no labels; nothing is written then.
    """
    try:
        image = read_picture(path)
    except OSError as error:
        raise UserError(f"{path}: cannot read this picture: {error.strerror}") from None
    except VideoError as error:
        raise UserError(f"{path}: {error}") from None
    height, width = image.shape[:2]
    label = Labeller(config)
    with config.crop.choice().load() as landmarks:
        faces = landmarks.find(image)
    if not faces:
        raise UserError(f"{path}: no face found in this picture")
    face = max(faces, key=lambda found: crops.face_square(found.landmarks)[2])
    try:
        affine = crops.crop_affine(
            face.landmarks, config.crop.mode, config.crop.margin, config.crop.shift, IMAGE_SIDE
        )
        crop = crops.warp(image, affine, (IMAGE_SIDE, IMAGE_SIDE))
        view = View(
            image if frame else crop,
            np.eye(2, 3) if frame else affine,
            face.landmarks,
            face.landmarks_refined,
            (width, height),
        )
        if label.loose:
            place = crops.crop_affine(
                face.landmarks, config.crop.mode, LOOSE_MARGIN, config.crop.shift, LOOSE_SIDE
            )
            loose = crops.warp(image, place, (LOOSE_SIDE, LOOSE_SIDE))
            view = view._replace(loose=loose, loose_affine=place)
        (made,) = label([view])
        if isinstance(made, LabelError):
            raise made
    except (LabelError, crops.CropError) as error:
        raise UserError(f"{path}: the face gives no labels: {error}") from None
    return list(save_all({"crop": Image.fromarray(crop), **made}, out, path.stem))


def save_all(pictures: dict[str, Image.Image], out: Path, stem: str) -> Iterator[Path]:
    """Save STEM_NAME.png of every picture in the folder `out`, and give their paths: all are
    written before the first gets its name.
    """
    with ExitStack() as stack:
        for name, picture in pictures.items():
            target = out / f"{stem}_{name}.png"
            picture.save(stack.enter_context(replace_whole(target)))
    for name in pictures:
        yield out / f"{stem}_{name}.png"


def grey(depth: np.ndarray) -> np.ndarray:
    """Depth (H, W) in [0, 1] as grey (H, W) uint8, 0 to 255; what is above 0 stays above 0."""
    levels = np.rint(depth * 255)
    return np.where(depth > 0, np.maximum(levels, 1), 0).astype(np.uint8)


def palette_image(parsing: np.ndarray) -> Image.Image:
    """A class map (H, W) uint8 as a palette picture: pixel values are the classes 0 to 12."""
    picture = Image.frombytes("P", (parsing.shape[1], parsing.shape[0]), parsing.tobytes())
    picture.putpalette(classes.COLOURS.tobytes())
    return picture


def overlay(image: np.ndarray, parsing: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB with the colours of the classes (H, W) over it at half
    strength, background left clear: (H, W, 3) uint8.
    """
    coloured = (image.astype(np.uint16) + classes.COLOURS[parsing]) // 2
    return np.where((parsing > 0)[..., None], coloured, image).astype(np.uint8)
