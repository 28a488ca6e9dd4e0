"""The labels of one picture, as pictures to look at."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from labels import classes
from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import CropSettings
from pipeline.errors import UserError
from pipeline.store import replace_whole


def read_image(path: Path) -> np.ndarray:
    """Read a picture as H x W x 3 uint8 RGB, upright by its EXIF orientation.

    Raises UserError when there is no such file or it is no picture.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as opened:
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except UnidentifiedImageError:
        raise UserError(f"{path}: not a picture that can be read") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # SyntaxError is Pillow's for damaged EXIF.
        raise UserError(f"{path}: cannot read this picture: {error}") from None


def label_image(path: Path, out: Path, settings: CropSettings, frame: bool) -> list[Path]:
    """Write crop, depth, parsing and overlay of the picture's face to `out`; return their paths.

    frame: depth, parsing and overlay have the size and the geometry of the picture itself, else
    those of the crop. Raises UserError when the picture has no face; nothing is written then.
    """
    from labels.depth.facemesh import depth_picture
    from labels.landmarks import FaceMesh
    from labels.parsing.facemesh import parse
    from labels.pose import PoseError

    image = read_image(path)
    height, width = image.shape[:2]
    with FaceMesh() as mesh:
        faces = mesh.find(image, faces=1)
    if not faces:
        raise UserError(f"{path}: no face found in this picture")
    face = faces[0]
    affine = crops.box_affine(face.landmarks, settings.margin, settings.shift, IMAGE_SIDE)
    crop = crops.warp(image, affine, (IMAGE_SIDE, IMAGE_SIDE))
    picture, place = crop, affine
    if frame:
        picture, place = image, np.eye(2, 3)
    try:
        depth = depth_picture(face.landmarks, (width, height), place, *picture.shape[:2])
    except PoseError as error:
        raise UserError(f"{path}: the face gives no depth: {error}") from None
    parsing = parse(picture, face.landmarks_refined, place)
    pictures = {
        "crop": Image.fromarray(crop),
        "depth": Image.fromarray(grey(depth)),
        "parsing": palette_image(parsing),
        "overlay": Image.fromarray(overlay(picture, parsing)),
    }
    return list(save_all(pictures, out, path.stem))


def save_all(pictures: dict[str, Image.Image], out: Path, stem: str) -> Iterator[Path]:
    """Save STEM_NAME.png of every picture: all are written before the first gets its name."""
    with ExitStack() as stack:
        for name, picture in pictures.items():
            target = out / f"{stem}_{name}.png"
            picture.save(stack.enter_context(replace_whole(target)))
    for name in pictures:
        yield out / f"{stem}_{name}.png"


def grey(depth: np.ndarray) -> np.ndarray:
    """Depth in [0, 1] as 8-bit grey; what is above 0 stays above 0."""
    levels = np.rint(depth * 255)
    return np.where(depth > 0, np.maximum(levels, 1), 0).astype(np.uint8)


def palette_image(parsing: np.ndarray) -> Image.Image:
    """A class map as a palette picture: pixel values are the classes 0 to 12."""
    picture = Image.frombytes("P", (parsing.shape[1], parsing.shape[0]), parsing.tobytes())
    picture.putpalette(classes.COLOURS.tobytes())
    return picture


def overlay(image: np.ndarray, parsing: np.ndarray) -> np.ndarray:
    """The picture with the classes' colours over it at half strength, background left clear."""
    coloured = (image.astype(np.uint16) + classes.COLOURS[parsing]) // 2
    return np.where((parsing > 0)[..., None], coloured, image).astype(np.uint8)
