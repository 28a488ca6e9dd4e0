"""Crop, depth and parsing of one sample as the bytes of picture files, as a browser shows them.

Where depth is 0, and where parsing is background, pictures are transparent: over black they are
what they are, over the crop they are an overlay.
"""

import io
from collections.abc import Collection

import numpy as np
from PIL import Image

from labels import classes
from pipeline.bundle import BundleError
from pipeline.look.label import grey, palette_image

JPEG, PNG = "image/jpeg", "image/png"
_FRAME_SIDE = 2000
"""The longer side of a frame's picture at most; it is to be looked at, and the proof reads none."""
Picture = tuple[str, bytes]
"""Its content type, and its bytes."""


def crop(image: np.ndarray, exact: bool) -> Picture:
    """A crop, H x W x 3 uint8, as JPEG; exact: as PNG, which keeps every value."""
    picture = Image.fromarray(image)
    return _png(picture) if exact else _jpeg(picture, 90)


def depth(depth: np.ndarray) -> Picture:
    """Pseudo-depth, H x W in [0, 1], as 8-bit grey; 0, and what is no number, is transparent."""
    levels = grey(np.clip(np.nan_to_num(depth), 0, 1))
    return _png(Image.fromarray(levels), transparency=0)


def parsing(parsing: np.ndarray, shown: Collection[int]) -> Picture:
    """Classes, H x W uint8, as a palette picture whose values are the classes.

    shown: classes that are not transparent. Raises BundleError for a class that there is not.
    """
    if parsing.max(initial=0) >= len(classes.NAMES):
        raise BundleError(f"a class above {len(classes.NAMES) - 1}; ocim bundle verify says more")
    opaque = bytes(255 if number in shown else 0 for number in range(len(classes.NAMES)))
    return _png(palette_image(parsing), transparency=opaque)


def frame(frame: np.ndarray) -> Picture:
    """A video frame, H x W x 3 uint8, as JPEG of at most _FRAME_SIDE pixels."""
    picture = Image.fromarray(frame)
    picture.thumbnail((_FRAME_SIDE, _FRAME_SIDE))
    return _jpeg(picture, 92)


def _jpeg(picture: Image.Image, quality: int) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return JPEG, buffer.getvalue()


def _png(picture: Image.Image, transparency: int | bytes | None = None) -> Picture:
    buffer = io.BytesIO()
    also = {} if transparency is None else {"transparency": transparency}
    picture.save(buffer, "PNG", compress_level=4, **also)
    return PNG, buffer.getvalue()
