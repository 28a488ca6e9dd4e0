"""Still pictures of every kind to upright RGB, or one line that says why not."""

import io
import struct

import cv2
import numpy as np
import pytest
from odd_encode import TURNED_BACK
from PIL import Image

from pipeline.frames.pictures import PictureError, is_picture, read_picture
from pipeline.frames.video import VideoError, frames


def tiff(width: int, bits: int, photometric: int, row: bytes) -> bytes:
    """A grey TIFF of one row, little-endian, written by hand."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 1,
            279: len(row)}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = row + bytes(len(row) % 2)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\x00" + struct.pack("<I", 8 + len(data)) + data + directory


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_honoured(tmp_path, portrait, orientation, suffix):
    stored = Image.fromarray(portrait)
    if orientation in TURNED_BACK:
        stored = stored.transpose(TURNED_BACK[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read_picture(path), portrait)
    # A file that says how it lies is not turned by its name as well.
    turned = read_picture(path, upside_down=True)
    assert np.array_equal(turned, portrait if orientation > 1 else portrait[::-1, ::-1])


def test_other_kinds_of_picture_become_rgb(tmp_path, portrait):
    image = Image.fromarray(portrait)
    for mode, suffix in (
        ("1", "png"), ("L", "png"), ("LA", "png"), ("RGBA", "png"), ("P", "png"), ("CMYK", "jpg"),
        ("YCbCr", "tif"), ("L", "pgm"), ("RGB", "ppm"), ("RGB", "bmp"), ("RGB", "jp2"),
    ):  # fmt: skip
        path = tmp_path / f"{mode}.{suffix}"
        image.convert(mode).save(path)
        read = read_picture(path)
        assert (read.shape, read.dtype) == (portrait.shape, np.uint8)
        if mode not in ("1", "P"):
            grey = mode in ("L", "LA")
            expected = np.asarray(image.convert("L").convert("RGB")) if grey else portrait
            assert np.abs(read.astype(int) - expected).mean() < 6, mode


def test_what_is_transparent_is_black_and_not_the_hidden_colour(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0] = [(200, 100, 50, 0), (200, 100, 50, 255), (200, 100, 50, 128)]
    expected = [[0, 0, 0], [200, 100, 50], [100, 50, 25]]
    for suffix, options in (("png", {}), ("webp", {"lossless": True, "exact": True}), ("tif", {})):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(rgba).save(path, **options)
        assert np.allclose(read_picture(path)[0], expected, atol=1)


def test_a_transparent_colour_of_a_palette_or_of_grey_is_black(tmp_path):
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_picture(tmp_path / "p.png")[0].tolist() == [[0, 0, 0], [0, 255, 0]]
    palette.save(tmp_path / "p.gif", transparency=0)
    assert read_picture(tmp_path / "p.gif")[0].tolist() == [[0, 0, 0], [0, 255, 0]]
    Image.fromarray(np.array([[90, 91]], np.uint8)).save(tmp_path / "l.png", transparency=90)
    assert read_picture(tmp_path / "l.png")[0, :, 0].tolist() == [0, 91]
    sixteen = np.array([[40_000, 40_001]], np.uint16)
    Image.fromarray(sixteen).save(tmp_path / "i.png", transparency=40_000)
    assert read_picture(tmp_path / "i.png")[0, :, 0].tolist() == [0, 156]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 257).round().astype(np.uint16)[None]
    cv2.imwrite(str(tmp_path / f"grey.{suffix}"), values)
    expected = np.rint(values / 257).astype(int)
    assert np.array_equal(read_picture(tmp_path / f"grey.{suffix}")[..., 1], expected)
    colours = np.stack([values, values[:, ::-1], values // 2], axis=2)
    cv2.imwrite(str(tmp_path / f"rgb.{suffix}"), np.ascontiguousarray(colours[..., ::-1]))
    read = read_picture(tmp_path / f"rgb.{suffix}")
    assert np.abs(read - colours / 257).max() <= 1


def test_sixteen_bits_of_a_pgm_are_scaled(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 65535\n" + struct.pack(">3H", 0, 25_700, 65_535))
    assert read_picture(path)[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize("photometric, expected", [(1, [0, 51, 255]), (0, [255, 204, 0])])
def test_a_tiff_may_count_from_white(tmp_path, photometric, expected):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(3, 16, photometric, struct.pack("<3H", 0, 51 * 257, 65_535)))
    assert read_picture(path)[0, :, 2].tolist() == expected


def test_twelve_bits_fill_the_range(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(2, 12, 1, bytes((0xFF, 0xF8, 0x00))))  # 0xFFF, 0x800
    assert read_picture(path)[0, :, 0].tolist() == [255, 128]


def test_floats_are_taken_from_0_to_1_and_nothing_else(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[0, 0.2, 1]], np.float32)).save(path)
    assert read_picture(path)[0, :, 0].tolist() == [0, 51, 255]
    for values in ([0, 255], [-0.1, 1], [0, np.nan]):
        Image.fromarray(np.array([values], np.float32)).save(path)
        with pytest.raises(PictureError, match="floating point"):
            read_picture(path)
    Image.fromarray(np.array([[1, 2]], np.int32)).save(path)
    with pytest.raises(PictureError, match="32-bit integers"):
        read_picture(path)


def without_adobe(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xee")
    length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:start] + jpeg[start + 2 + length :]


def test_cmyk_jpegs_have_their_colours_inverted_or_not(tmp_path):
    # By its own rule a CMYK JPEG of Adobe stores 255 - ink, one without Adobe's marker the ink.
    ink = (10, 200, 60, 40)
    expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
    save = {"format": "JPEG", "quality": 100, "subsampling": 0}
    adobe, plain = io.BytesIO(), io.BytesIO()
    Image.new("CMYK", (16, 16), ink).save(adobe, **save)
    assert b"Adobe" in adobe.getvalue()
    Image.new("CMYK", (16, 16), tuple(255 - colour for colour in ink)).save(plain, **save)
    for name, data in (("adobe", adobe.getvalue()), ("plain", without_adobe(plain.getvalue()))):
        (tmp_path / f"{name}.jpg").write_bytes(data)
        assert np.abs(read_picture(tmp_path / f"{name}.jpg") - expected).max() <= 3, name


def test_ycck_jpegs_give_their_colours(tmp_path):
    # Adobe's transform 2: Y, Cb, Cr of the inks, as if they were red, green and blue; then 255 - K.
    cyan, magenta, yellow, black = 200, 80, 40, 35
    luma = 0.299 * cyan + 0.587 * magenta + 0.114 * yellow
    chroma = ((yellow - luma) / 1.772 + 128, (cyan - luma) / 1.402 + 128)
    stored = (luma, *chroma, 255 - black)
    buffer = io.BytesIO()
    picture = Image.new("CMYK", (16, 16), tuple(255 - round(value) for value in stored))
    picture.save(buffer, "JPEG", quality=100, subsampling=0)
    data = bytearray(buffer.getvalue())
    data[data.index(b"Adobe") + 11] = 2
    (tmp_path / "a.jpg").write_bytes(data)
    expected = [(255 - ink) * (255 - black) / 255 for ink in (cyan, magenta, yellow)]
    assert np.abs(read_picture(tmp_path / "a.jpg") - expected).max() <= 4


def test_the_first_page_is_read(tmp_path, portrait):
    blank = Image.new("RGB", portrait.shape[1::-1])
    for suffix in ("tif", "gif", "webp"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(portrait).save(path, save_all=True, append_images=[blank])
        assert np.abs(read_picture(path).astype(int) - portrait).mean() < 10


def test_a_picture_is_a_video_of_one_frame(tmp_path, portrait):
    Image.fromarray(portrait).save(tmp_path / "a.PNG")
    (frame,) = frames(tmp_path / "a.PNG", False, lambda number, text: None)
    assert frame.number == 0
    assert np.array_equal(frame.rgb(), portrait)
    frame.rgb()[:] = 0
    assert np.array_equal(frame.rgb(), portrait)
    (frame,) = frames(tmp_path / "a.PNG", True, lambda number, text: None)
    assert np.array_equal(frame.rgb(), portrait[::-1, ::-1])


def test_a_picture_is_known_by_its_suffix_or_without_one_by_its_content(tmp_path, portrait):
    for name, expected in (("a.jpg", True), ("a", True), ("a.jfif", True), ("a.avi", False)):
        Image.fromarray(portrait).save(tmp_path / name, "JPEG")
        assert is_picture(tmp_path / name) is expected
    (tmp_path / "text").write_text("this is no picture")
    assert not is_picture(tmp_path / "text")
    assert not is_picture(tmp_path)
    assert is_picture(tmp_path / "missing.png")


def contents() -> dict[str, bytes]:
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    return {"a text": b"this is no picture", "zeros": bytes(500), "a program": program}


@pytest.mark.parametrize("content", contents().values(), ids=contents())
def test_what_is_no_picture_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match="not a picture that can be read"):
        read_picture(path)


def test_nothing_a_missing_picture_and_a_folder_are_told(tmp_path):
    (tmp_path / "empty.png").touch()
    for path, message in (
        (tmp_path / "empty.png", "the file is empty"),
        (tmp_path / "none.png", "cannot read this file: No such file or directory"),
        (tmp_path, "cannot read this file: it is a folder"),
    ):
        with pytest.raises(PictureError, match=message):
            read_picture(path)
    assert issubclass(PictureError, VideoError)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp"])
def test_a_damaged_picture_is_read_or_told_but_never_crashes(tmp_path, portrait, suffix):
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(portrait[::4, ::4]).save(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(4)
    path = tmp_path / f"damaged.{suffix}"
    outcomes = set()
    for trial in range(60):
        damaged = bytearray(data)
        if trial % 3 == 0:
            del damaged[int(rng.integers(1, len(data))) :]
        for place in rng.integers(0, min(len(damaged), 400), 3):
            damaged[place] = int(rng.integers(0, 256))
        path.write_bytes(damaged)
        try:
            image = read_picture(path)
        except PictureError as error:
            outcomes.add("told")
            assert "\n" not in str(error) and "damaged" not in str(error)
        else:
            outcomes.add("read")
            assert image.ndim == 3
    assert "told" in outcomes and (suffix == "png" or "read" in outcomes)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "ppm"])
def test_half_a_picture_is_told(tmp_path, portrait, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(portrait).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match="cannot read this picture"):
        read_picture(path)


def test_a_picture_with_a_damaged_exif_block_is_told(tmp_path, portrait):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.webp"
    Image.fromarray(portrait).save(path, exif=exif)
    data = path.read_bytes()
    assert data.count(b"MM\x00*") == 1
    path.write_bytes(data.replace(b"MM\x00*", b"M}\x00*"))
    with pytest.raises(PictureError, match="cannot read this picture"):
        read_picture(path)


@pytest.mark.parametrize("side", [11_600, 60_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, side):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 %d %d 255\n" % (side, side) + bytes(100))
    with pytest.raises(PictureError, match="limit of 134217728 pixels"):
        read_picture(path)
