"""Odd picture files, made by code: what each is, and what must come of it (odd_media.py)."""

import io
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from odd_encode import cut, patch, portrait, still
from odd_media import NONE, ONE, Odd
from PIL import Image


def sixteen_bits(suffix: str, grey: bool) -> bytes:
    image = portrait().astype(np.uint16) * 257
    image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, image)[1].tobytes()


def numbers(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF")
    return buffer.getvalue()


def pages(kind: str) -> bytes:
    buffer = io.BytesIO()
    blank = Image.new("RGB", (50, 40), (0, 255, 0))
    Image.fromarray(portrait()).save(buffer, kind, save_all=True, append_images=[blank])
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG whose header says 60000 x 60000."""
    size = (60000).to_bytes(4, "big") * 2
    head = b"IHDR" + size + bytes((8, 2, 0, 0, 0))
    return patch(still("PNG"), b"\r\n\x1a\n", 4, head + zlib.crc32(head).to_bytes(4, "big"))


def stills() -> Iterator[Odd]:
    """Pictures as they come, and spoiled ones."""
    for orientation in range(1, 9):
        yield Odd(
            f"exif_{orientation}.jpg", lambda n=orientation: still("JPEG", orientation=n), ONE
        )
    for name, kind, mode in (
        ("plain.png", "PNG", "RGB"), ("plain.bmp", "BMP", "RGB"), ("plain.tif", "TIFF", "RGB"),
        ("plain.webp", "WEBP", "RGB"), ("plain.gif", "GIF", "P"), ("plain.ppm", "PPM", "RGB"),
        ("grey.pgm", "PPM", "L"), ("grey.png", "PNG", "L"), ("one_bit.png", "PNG", "1"),
        ("palette.png", "PNG", "P"), ("alpha.png", "PNG", "RGBA"), ("grey_alpha.png", "PNG", "LA"),
        ("cmyk.jpg", "JPEG", "CMYK"), ("grey.jpg", "JPEG", "L"), ("cmyk.tif", "TIFF", "CMYK"),
    ):  # fmt: skip
        # Black and white dots are no face to the detector.
        yield Odd(name, lambda kind=kind, mode=mode: still(kind, mode), ONE, face=mode != "1")
    yield Odd("exif_6.tif", lambda: still("TIFF", orientation=6), ONE)
    yield Odd("exif_5.webp", lambda: still("WEBP", orientation=5), ONE)
    yield Odd("exif_6_called.avi", lambda: still("JPEG", orientation=6), ONE)
    yield Odd("exif_5_called.avi", lambda: still("JPEG", orientation=5), ONE)
    for suffix in (".png", ".tif"):
        yield Odd(f"grey_16_bit{suffix}", lambda suffix=suffix: sixteen_bits(suffix, True), ONE)
        yield Odd(f"rgb_16_bit{suffix}", lambda suffix=suffix: sixteen_bits(suffix, False), ONE)
    floats = portrait()[..., 1].astype(np.float32)
    yield Odd("floats_to_1.tif", lambda: numbers(floats / 255), ONE)
    yield Odd("floats_to_255.tif", lambda: numbers(floats), NONE)
    yield Odd("integers.tif", lambda: numbers(floats.astype(np.int32)), NONE)
    yield Odd("pages.tif", lambda: pages("TIFF"), ONE)
    yield Odd("pages.gif", lambda: pages("GIF"), ONE)
    yield Odd("jpeg_called.png", lambda: still("JPEG"), ONE)
    yield Odd("bomb.png", bomb, NONE)
    for kind, suffix in (
        ("PNG", "png"), ("JPEG", "jpg"), ("BMP", "bmp"), ("TIFF", "tif"), ("WEBP", "webp"),
    ):  # fmt: skip
        yield Odd(f"cut.{suffix}", lambda kind=kind: cut(still(kind), 0.5), NONE)
    yield Odd("empty.jpg", lambda: b"", NONE)
    yield Odd("text.png", lambda: b"this is no picture", NONE)
    yield Odd("page.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", NONE)
    yield Odd("path_folder.png", lambda path: path.mkdir(), NONE)
