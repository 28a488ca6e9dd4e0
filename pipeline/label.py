"""The labels of one picture, as pictures to look at."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from labels import classes
from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import CropSettings
from pipeline.errors import UserError
from pipeline.pictures import read_picture
from pipeline.store import replace_whole
from pipeline.video import VideoError


class Cut(NamedTuple):
    """A face and the pictures that its labels are drawn on.

    image: the crop. affine: frame to crop. landmarks, landmarks_refined: frame pixels. frame_size:
    (width, height). frame: the whole frame, where labels are to have its size and geometry.
    """

    image: np.ndarray
    affine: np.ndarray
    landmarks: np.ndarray
    landmarks_refined: np.ndarray
    frame_size: tuple[int, int]
    frame: np.ndarray | None


def label_image(path: Path, out: Path, settings: CropSettings, frame: bool) -> list[Path]:
    """Write crop, depth, parsing and overlay of the picture's face to `out`; return their paths.

    Of several faces the largest is taken. frame: depth, parsing and overlay have the size and the
    geometry of the picture itself, else those of the crop. Raises UserError when the picture has
    no face; nothing is written then.
    """
    from labels.landmarks import FaceMesh
    from labels.pose import PoseError

    try:
        image = read_picture(path)
    except OSError as error:
        raise UserError(f"{path}: cannot read this picture: {error.strerror}") from None
    except VideoError as error:
        raise UserError(f"{path}: {error}") from None
    height, width = image.shape[:2]
    with FaceMesh() as mesh:
        faces = mesh.find(image)
    if not faces:
        raise UserError(f"{path}: no face found in this picture")
    face = max(faces, key=lambda one: crops.face_square(one.landmarks)[2])
    try:
        affine = crops.crop_affine(
            face.landmarks, settings.mode, settings.margin, settings.shift, IMAGE_SIDE
        )
        crop = crops.warp(image, affine, (IMAGE_SIDE, IMAGE_SIDE))
        whole = image if frame else None
        pictures = draw(
            Cut(crop, affine, face.landmarks, face.landmarks_refined, (width, height), whole)
        )
    except (PoseError, crops.CropError) as error:
        raise UserError(f"{path}: the face gives no labels: {error}") from None
    return list(save_all(pictures, out, path.stem))


def draw(cut: Cut) -> dict[str, Image.Image]:
    """Crop, depth (8-bit grey), parsing (palette) and overlay; PoseError where depth fails."""
    from labels.depth.facemesh import depth_picture
    from labels.parsing.facemesh import parse

    picture, place = (cut.image, cut.affine) if cut.frame is None else (cut.frame, np.eye(2, 3))
    depth = depth_picture(cut.landmarks, cut.frame_size, place, *picture.shape[:2])
    parsing = parse(picture, cut.landmarks_refined, place)
    return {
        "crop": Image.fromarray(cut.image),
        "depth": Image.fromarray(grey(depth)),
        "parsing": palette_image(parsing),
        "overlay": Image.fromarray(overlay(picture, parsing)),
    }


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
