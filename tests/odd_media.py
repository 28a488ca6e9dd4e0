"""A hundred odd media files, made by code: what each is, and what must come of it.

Most show the photograph of one face; what must come of a file follows from how it was made, not
from the code under test.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from odd_encode import (
    QUIET,
    add_video,
    cut,
    encode,
    index_first,
    patch,
    pictures,
    portrait,
    sound,
    spoil,
    spoil_packet,
    stored_for,
    with_cover,
    with_matrix,
    without_box,
    write_silence,
    write_video,
)
from PIL import Image

FRAMES = 6
LONG = 30
FULL = range(FRAMES, FRAMES + 1)
NONE = range(0)
ONE = range(1, 2)


@dataclass(frozen=True)
class Odd:
    """One file. make: its bytes, or a function that makes it at a path.

    frames: how many must decode; none: a VideoError must say why. face: the frames show the face
    upright and whole. upside_down: what the index says of it.
    """

    name: str
    make: Callable[[], bytes] | Callable[[Path], None]
    frames: range
    face: bool = True
    upside_down: bool = False

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        if self.name.startswith("path_"):
            self.make(path)
        else:
            path.write_bytes(self.make())
        return path


@cache
def whole(kind: str, count: int = FRAMES) -> bytes:
    """A good file with a keyframe every six frames, to be spoiled."""
    if kind == "fast":
        return index_first(whole("mp4", count))
    container, codec, options = {
        "avi": ("avi", "mpeg4", {"g": "6"}),
        "mp4": ("mp4", "libx264", {"g": "6", "bf": "0"}),
        "mov": ("mov", "libx264", {"g": "6", "bf": "2"}),
        "mkv": ("matroska", "libx264", {"g": "6", "bf": "2"}),
        "webm": ("webm", "libvpx-vp9", {"g": "6", "deadline": "realtime", "cpu-used": "8"}),
        "mpg": ("mpeg", "mpeg2video", {"g": "6"}),
        "ts": ("mpegts", "libx264", {"g": "6"}),
        "mjpeg": ("avi", "mjpeg", {}),
    }[kind]
    pixel_format = "yuvj420p" if kind == "mjpeg" else "yuv420p"
    return encode(container, codec, pictures(count), pixel_format, options)


def good_files() -> Iterator[Odd]:
    """Containers and codecs."""
    for name, container, codec, pixel_format, options in (
        ("h264.mp4", "mp4", "libx264", "yuv420p", {}),
        ("h264.MOV", "mov", "libx264", "yuv420p", {}),
        ("mpeg4.avi", "avi", "mpeg4", "yuv420p", {}),
        ("h264.mkv", "matroska", "libx264", "yuv420p", {}),
        ("vp9.webm", "webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
        ("mpeg2.mpg", "vob", "mpeg2video", "yuv420p", {}),
        ("mpeg1.mpeg", "mpeg", "mpeg1video", "yuv420p", {}),
        ("h264.ts", "mpegts", "libx264", "yuv420p", {}),
        ("wmv2.wmv", "asf", "wmv2", "yuv420p", {}),
        ("mpeg4.3gp", "3gp", "mpeg4", "yuv420p", {}),
        ("mjpeg.avi", "avi", "mjpeg", "yuvj420p", {}),
        ("ffv1.mkv", "matroska", "ffv1", "yuv420p", {}),
        ("huffyuv.avi", "avi", "huffyuv", "yuv422p", {}),
        ("utvideo.avi", "avi", "utvideo", "gbrp", {}),
        ("raw_bottom_up.avi", "avi", "rawvideo", "bgr24", {}),
        ("raw.mov", "mov", "rawvideo", "rgb24", {}),
        ("hevc.mp4", "mp4", "libx265", "yuv420p", QUIET),
        ("av1.mp4", "mp4", "libsvtav1", "yuv420p", {"preset": "12"}),
        ("prores.mov", "mov", "prores", "yuv422p10le", {}),
        ("png.mov", "mov", "png", "rgb24", {}),
        ("qtrle.mov", "mov", "qtrle", "rgb24", {}),
        ("msvideo1.avi", "avi", "msvideo1", "rgb555le", {}),
        ("mp4_called.avi", "mp4", "libx264", "yuv420p", {}),
        ("h264_alone.avi", "h264", "libx264", "yuv420p", {}),
        ("yuv444.mp4", "mp4", "libx264", "yuv444p", {}),
        ("yuv422.mp4", "mp4", "libx264", "yuv422p", {}),
        ("ten_bit.mp4", "mp4", "libx264", "yuv420p10le", {}),
        ("twelve_bit.mp4", "mp4", "libx265", "yuv420p12le", QUIET),
        ("full_range.mp4", "mp4", "libx264", "yuvj420p", {}),
        ("rgb.mp4", "mp4", "libx264rgb", "rgb24", {}),
        ("bt709.mp4", "mp4", "libx264", "yuv420p", {"x264-params": "colormatrix=bt709"}),
        ("grey.mkv", "matroska", "ffv1", "gray", {}),
        ("grey_16_bit.mkv", "matroska", "ffv1", "gray16le", {}),
        ("grey.mp4", "mp4", "libx264", "gray", {}),
        ("interlaced.mp4", "mp4", "libx264", "yuv420p", {"x264-params": "interlaced=1"}),
        ("interlaced.mpg", "mpeg", "mpeg2video", "yuv420p", {"flags": "+ildct+ilme"}),
        ("b_frames.mp4", "mp4", "libx264", "yuv420p", {"bf": "3", "b_strategy": "0"}),
        ("b_frames.avi", "avi", "mpeg4", "yuv420p", {"bf": "2"}),
        ("one_keyframe.mkv", "matroska", "libx264", "yuv420p", {"g": "250", "bf": "8"}),
    ):

        def make(container=container, codec=codec, pixel_format=pixel_format, options=options):
            return encode(container, codec, pictures(FRAMES), pixel_format, options)

        yield Odd(name, make, FULL)
    yield Odd("name with ünïcode, and 100%d.mp4", lambda: whole("mp4"), FULL)


def seen_through(alpha: int) -> list[np.ndarray]:
    return [np.dstack([image, np.full(image.shape[:2], alpha, np.uint8)]) for image in pictures(6)]


def shapes_and_turns() -> Iterator[Odd]:
    """Sizes, rates, transparency, display matrices, several streams."""
    opaque, unused = seen_through(255), seen_through(0)
    yield Odd("alpha.mov", lambda: encode("mov", "qtrle", opaque, "argb"), FULL)
    yield Odd("alpha_unused.avi", lambda: encode("avi", "rawvideo", unused, "bgra"), FULL)
    yield Odd("one_frame.mp4", lambda: encode("mp4", "libx264", pictures(1)), ONE)
    yield Odd("one_frame.avi", lambda: encode("avi", "mpeg4", pictures(1)), ONE)
    large = (3840, 2160)
    wide = [
        cv2.copyMakeBorder(image, 0, 0, 193, 192, cv2.BORDER_REPLICATE) for image in pictures(2)
    ]
    yield Odd(
        "4k.avi",
        lambda: encode("avi", "mjpeg", [cv2.resize(image, large) for image in wide], "yuvj420p"),
        range(2, 3),
        face=False,  # the face is there; the picture is wider than the portrait
    )
    for size, codec, name, face in (
        ((16, 16), "libx264", "16x16.mp4", False),
        ((2, 2), "ffv1", "2x2.mkv", False),
        ((1, 1), "ffv1", "1x1.mkv", False),
        ((17, 13), "ffv1", "17x13.mkv", False),
        ((321, 401), "ffv1", "321x401.mkv", True),
        ((320, 400), "mpeg4", "aspect.mp4", True),
    ):
        container = "mp4" if name.endswith("mp4") else "matroska"

        def make(size=size, codec=codec, container=container):
            return encode(container, codec, pictures(FRAMES, size))

        yield Odd(name, make, FULL, face)
    times = [0, 1, 2, 20, 21, 90]
    yield Odd("variable_rate.mp4", lambda: encode("mp4", "libx264", pictures(6), times=times), FULL)
    yield Odd(
        "variable_rate.mkv", lambda: encode("matroska", "libx264", pictures(6), times=times), FULL
    )
    two = [pictures(FRAMES)[:3], pictures(FRAMES, (160, 200))[3:]]
    yield Odd(
        "size_change_h264.ts",
        lambda: b"".join(encode("h264", "libx264", images) for images in two),
        FULL,
    )
    yield Odd(
        "size_change_mjpeg.avi",
        lambda: b"".join(encode("mjpeg", "mjpeg", images, "yuvj420p") for images in two),
        FULL,
    )
    for degrees in (0, 90, 180, 270):

        def turned(degrees=degrees):
            # PyAV's angle is anticlockwise, so what is stored is turned clockwise.
            images = [np.rot90(image, -degrees // 90) for image in pictures(FRAMES)]
            return encode("mp4", "libx264", images, rotation=degrees)

        yield Odd(f"turned_by_tag_{degrees}.mp4", turned, FULL)
    for matrix in (
        (1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
        (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0),
    ):  # fmt: skip

        def mirrored(matrix=matrix):
            images = [stored_for(image, *matrix) for image in pictures(FRAMES)]
            return with_matrix(encode("mp4", "libx264", images), *matrix)

        yield Odd("matrix_" + "_".join(map(str, matrix)) + ".mp4", mirrored, FULL)
    half = [np.rot90(image, 2) for image in pictures(FRAMES)]
    yield Odd("upside_down.mp4", lambda: encode("mp4", "libx264", half), FULL, upside_down=True)
    yield Odd(
        "upside_down_and_matrix.mp4",
        lambda: with_matrix(encode("mp4", "libx264", half), -1, 0, 0, -1),
        FULL,
        upside_down=True,
    )
    yield Odd("matrix_doubles.mp4", lambda: with_matrix(whole("mp4"), 2, 0, 0, 2), FULL)
    yield Odd("matrix_of_zeros.mp4", lambda: with_matrix(whole("mp4"), 0, 0, 0, 0), FULL)
    slanted = (0.7071, 0.7071, -0.7071, 0.7071)
    yield Odd("matrix_45_degrees.mp4", lambda: with_matrix(whole("mp4"), *slanted), NONE)
    yield Odd("two_videos.mkv", two_videos, FULL)
    yield Odd("sound_first.mp4", sound_and_video, FULL)


def two_videos() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        face, grey = pictures(FRAMES), [np.full((200, 160, 3), 127, np.uint8)] * 9
        streams = [add_video(file, "libx264", images[0]) for images in (face, grey)]
        for stream, images in zip(streams, (face, grey), strict=True):
            write_video(file, stream, images)
    return buffer.getvalue()


def sound_and_video() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        silence = file.add_stream("aac", rate=16000, layout="mono")
        stream = add_video(file, "libx264", portrait())
        write_silence(file, silence)
        write_video(file, stream, pictures(FRAMES))
    return buffer.getvalue()


def lying_headers() -> Iterator[Odd]:
    """Headers that are wrong, and indexes that are not there."""
    for count, name in ((0, "0"), (2_000_000_000, "two_billion")):
        value = count.to_bytes(4, "little")
        yield Odd(
            f"avih_{name}.avi", lambda value=value: patch(whole("avi"), b"avih", 20, value), FULL
        )
        yield Odd(
            f"strh_{name}.avi", lambda value=value: patch(whole("avi"), b"strh", 36, value), FULL
        )
    yield Odd("no_rate.avi", lambda: patch(whole("avi"), b"avih", 4, bytes(4)), FULL)
    yield Odd("strh_no_rate.avi", lambda: patch(whole("avi"), b"strh", 24, bytes(8)), FULL)
    lots = (2_000_000_000).to_bytes(4, "big")
    yield Odd("stts_two_billion.mp4", lambda: patch(whole("mp4"), b"stts", 8, lots), FULL)
    # With frames that last so long only the first lies within what the edit list shows.
    yield Odd("stts_duration.mp4", lambda: patch(whole("mp4"), b"stts", 12, lots), ONE)
    yield Odd("mdhd_no_duration.mp4", lambda: patch(whole("mp4"), b"mdhd", 16, bytes(4)), FULL)
    yield Odd("tkhd_no_size.mp4", lambda: patch(whole("mp4"), b"tkhd", 76, bytes(8)), FULL)
    yield Odd("no_idx1.avi", lambda: whole("avi").replace(b"idx1", b"JUNK"), FULL)
    yield Odd("idx1_cut_off.avi", lambda: cut_at(whole("avi"), b"idx1"), FULL)
    yield Odd("idx1_zeros.avi", lambda: patch(whole("avi"), b"idx1", 4, bytes(16 * 6)), FULL)
    yield Odd("no_moov.mp4", lambda: without_box(whole("mp4"), b"moov"), NONE)
    yield Odd("no_mdat.mp4", lambda: without_box(whole("fast"), b"mdat"), NONE)
    yield Odd(
        "no_cues.mkv", lambda: whole("mkv").replace(b"\x1c\x53\xbb\x6b", b"\xec\x53\xbb\x6b"), FULL
    )
    yield Odd("title_not_utf8.mkv", lambda: titled("matroska", b"\xff\xfe\xc3"), FULL)


def cut_at(data: bytes, marker: bytes) -> bytes:
    return data[: data.index(marker)]


def titled(container: str, title: bytes) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        file.metadata["title"] = "X" * len(title)
        stream = add_video(file, "libx264", portrait())
        write_video(file, stream, pictures(FRAMES))
    return buffer.getvalue().replace(b"X" * len(title), title)


def damaged_files() -> Iterator[Odd]:
    """Cut off at many points, and spoiled in the middle. Half of a file gives at least a fifth of
    its frames, where its index does not lie at the end."""
    for kind in ("avi", "fast", "mkv", "webm", "mpg", "ts"):
        suffix = {"fast": "mp4"}.get(kind, kind)
        for share in (0.3, 0.5, 0.7, 0.9, 0.999):
            least = int(LONG * share * 0.4)
            yield Odd(
                f"cut_{int(share * 1000)}.{suffix}",
                lambda kind=kind, share=share: cut(whole(kind, LONG), share),
                range(least, LONG + 1),
                face=False,
            )
    for share in (0.1, 0.5, 0.9):
        for kind in ("mp4", "mov"):
            yield Odd(
                f"cut_{int(share * 1000)}_index_last.{kind}",
                lambda kind=kind, share=share: cut(whole(kind, LONG), share),
                NONE,
            )
    for kind in ("avi", "mp4", "mkv"):
        yield Odd(f"cut_40_bytes.{kind}", lambda kind=kind: whole(kind)[:40], NONE)
        for name, seed in (("zeros", None), ("noise", 3)):
            yield Odd(
                f"{name}_in_the_middle.{kind}",
                lambda kind=kind, seed=seed: spoil(whole(kind, LONG), 0.5, 400, seed),
                range(LONG - 14, LONG + 1),
                face=False,
            )
    yield Odd(
        "spoiled_packet.avi",
        lambda: spoil_packet(whole("mjpeg"), b"00dc", 3),
        range(FRAMES - 1, FRAMES + 1),
        face=False,
    )
    yield Odd(
        "spoiled_packets.avi",
        lambda: spoil_packet(spoil_packet(whole("avi", LONG), b"00dc", 13), b"00dc", 14),
        range(LONG - 2, LONG + 1),
        face=False,
    )
    yield Odd(
        "first_half_missing.ts",
        lambda: whole("ts", LONG)[188 * 60 :],
        range(6, LONG),
        face=False,
    )
    yield Odd(
        "rest_noise.avi", lambda: spoil(whole("avi", LONG), 0.5, 10**6, 1), range(6, LONG), False
    )


def no_videos() -> Iterator[Odd]:
    """What is no video at all."""
    noise = np.random.default_rng(8).bytes(5000)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nh264.ts\n#EXT-X-ENDLIST\n"
    for name, content in (
        ("empty.avi", b""),
        ("one_byte.mp4", b"\x00"),
        ("zeros.mp4", bytes(5000)),
        ("noise.avi", noise),
        ("noise.mpg", noise),
        ("noise.ts", noise),
        ("text.avi", b"this is no video\n" * 30),
        ("page.mp4", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        ("head_alone.avi", b"RIFF\x24\x00\x00\x00AVI LIST"),
        ("head_alone.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"),
        (
            "playlist.avi",
            playlist,
        ),
        ("list.avi", b"ffconcat version 1.0\nfile h264.mp4\n"),
        ("document.mp4", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"),
    ):
        yield Odd(name, lambda content=content: content, NONE)
    yield Odd("archive.mp4", archive, NONE)
    yield Odd("sound_alone.mp4", lambda: sound("mp4", "aac"), NONE)
    yield Odd("sound_alone.avi", lambda: sound("avi", "pcm_s16le"), NONE)
    yield Odd(
        "sound_with_cover.mpg", lambda: with_cover(sound("mp3", "libmp3lame"), still("PNG")), NONE
    )
    yield Odd("path_folder.avi", lambda path: path.mkdir(), NONE)
    yield Odd("path_link_to_nothing.mp4", lambda path: path.symlink_to("nowhere.mp4"), NONE)
    yield Odd("path_link_to_itself.mp4", lambda path: path.symlink_to(path.name), NONE)


def sound_with_cover() -> bytes:
    return with_cover(sound("mp3", "libmp3lame"), still("PNG"))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("a.mp4"), whole("mp4"))
    return buffer.getvalue()


def still(kind: str, mode: str = "RGB", orientation: int | None = None, **options: object) -> bytes:
    """The portrait as a picture file; an orientation is met by turning what is stored back."""
    image = Image.fromarray(portrait())
    if orientation:
        image.getexif()[0x0112] = orientation
        options["exif"] = image.getexif()
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    if orientation in back:
        image = image.transpose(back[orientation])
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


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
    import zlib

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


def all_odd() -> list[Odd]:
    parts = (
        good_files, shapes_and_turns, lying_headers, damaged_files, no_videos, stills,
    )  # fmt: skip
    return [odd for part in parts for odd in part()]
