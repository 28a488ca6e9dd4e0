"""Still picture files to upright RGB, by Pillow; every error a PictureError."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.datasets.base import PICTURES, VIDEOS
from pipeline.frames.libav import MAX_PIXELS, VideoError, check_file, reason
from pipeline.frames.orientation import AS_STORED, EXIF_TAG, HALF_TURN, Orientation, from_exif

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")
"""What a file may be. Not all that Pillow knows: EPS would run another program."""
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF


class PictureError(VideoError):
    """A picture that cannot be read: the reason, in one line."""


def is_picture(path: Path) -> bool:
    """Whether a file is to be read as a picture: by its suffix, and by its content without one."""
    suffix = path.suffix.lower()
    if suffix in PICTURES or suffix in VIDEOS or not path.is_file():
        return suffix in PICTURES
    try:
        with pillow_errors(), Image.open(path, formats=FORMATS):
            return True
    except PictureError:
        return False


def read_picture(path: Path, upside_down: bool = False) -> np.ndarray:
    """Read a picture as H x W x 3 uint8 RGB, upright by its EXIF orientation (all eight).

    upside_down: turn it by 180 degrees where the file says nothing of its orientation, or says 1.
    Transparent places are laid over black, so that colours hidden in them do not show. 16-bit
    values are scaled to 8 bits, not clipped; values in floating point are taken from 0 to 1. Of
    several pages or frames the first is read. Colour profiles are ignored.

    Raises PictureError when the file is no picture, is damaged or truncated, has more than
    MAX_PIXELS pixels, or values whose range nobody can know (32-bit integers, floats beyond 0..1).
    """
    try:
        check_file(path)
    except VideoError as error:
        raise PictureError(str(error)) from None
    with pillow_errors(), path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise PictureError(f"{width} x {height}: over the limit of {MAX_PIXELS} pixels")
        before = from_exif(image.getexif().get(EXIF_TAG))  # loading turns a TIFF by it
        image.load()
        turn = from_exif(image.getexif().get(EXIF_TAG))
        if turn == before == AS_STORED and upside_down:
            turn = HALF_TURN
        return turn.apply(to_rgb(image))


def exif_orientation(file: BytesIO) -> Orientation:
    """The orientation in a picture file's EXIF block; AS_STORED where there is none."""
    try:
        with pillow_errors(), Image.open(file, formats=FORMATS) as image:
            return from_exif(image.getexif().get(EXIF_TAG))
    except PictureError:
        return AS_STORED


@contextmanager
def pillow_errors() -> Iterator[None]:
    """Make every error of Pillow in the block a PictureError, and keep its warnings quiet."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except UnidentifiedImageError:
        raise PictureError("not a picture that can be read") from None
    except Image.DecompressionBombError:
        raise PictureError(f"over the limit of {MAX_PIXELS} pixels") from None
    # What Pillow's readers raise on damaged files; SyntaxError is for damaged EXIF.
    except (
        OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, EOFError,
        AttributeError, RuntimeError, MemoryError, struct.error, zlib.error,
    ) as error:  # fmt: skip
        raise PictureError(f"cannot read this picture: {reason(error)}") from None


def to_rgb(image: Image.Image) -> np.ndarray:
    """A loaded picture as (H, W, 3) uint8 RGB, not turned. PictureError for values whose range
    cannot be known.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return sixteen_bits(image)
    if image.mode == "I":
        raise PictureError("values of 32-bit integers, whose range cannot be known")
    if image.mode == "F":
        values = np.asarray(image)
        if not ((values >= 0) & (values <= 1)).all():
            raise PictureError("values in floating point that are not all from 0 to 1")
        return grey(np.rint(values * 255))
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = image.point(lambda value: 255 - value)  # Pillow takes every one for Adobe's
    if image.has_transparency_data:
        return over_black(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def sixteen_bits(image: Image.Image) -> np.ndarray:
    """A grey picture of 16 bits (or a TIFF of 12) as (H, W, 3) uint8 RGB."""
    values = np.asarray(image).astype(np.float64)
    most, tags = 65535, getattr(image, "tag_v2", {})
    if tags.get(BITS) == (12,):
        most = 4095
    levels = np.rint(np.clip(values / most, 0, 1) * 255)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 255 - levels
    levels[values == image.info.get("transparency")] = 0
    return grey(levels)


def grey(levels: np.ndarray) -> np.ndarray:
    """Whole levels (H, W) from 0 to 255 as (H, W, 3) uint8."""
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def over_black(rgba: np.ndarray) -> np.ndarray:
    """RGBA (H, W, 4) uint8 laid over black: (H, W, 3) uint8; what is transparent is black."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
