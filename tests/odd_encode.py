"""Media files made and spoiled byte by byte, for tests of decoding: nothing is random."""

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
from PIL import Image

SIZE = (320, 400)
GREY = np.full((480, 640, 3), 127, np.uint8)
TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""How a picture is stored so that its EXIF orientation shows it upright."""
QUIET = {"x265-params": "log-level=none", "preset": "ultrafast"}


@cache
def portrait() -> np.ndarray:
    """A real photograph with one face: 400 x 320 x 3 uint8 RGB."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:400, 80:400])


def scene(portrait: np.ndarray, *places: tuple[int, int, float]) -> np.ndarray:
    """A grey frame of 640 x 480 with the portrait at (x, y), scaled."""
    frame = GREY.copy()
    for x, y, scale in places:
        small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        frame[y : y + height, x : x + width] = small[: 480 - y, : 640 - x]
    return frame


def pictures(count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """The portrait `count` times at (width, height), each moved by two more pixels."""
    moved = [np.roll(portrait(), 2 * number, axis=1) for number in range(count)]
    return [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in moved]


def encode(
    container: str,
    codec: str,
    images: Sequence[np.ndarray],
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int | None = None,
    times: Sequence[int] | None = None,
) -> bytes:
    """Images (H x W x 3 or 4 uint8) as one video file at 25 frames a second.

    rotation: degrees of a display matrix. times: of each frame, in 1/25 s, for a variable rate.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream = add_video(file, codec, images[0], pixel_format, options)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        write_video(file, stream, images, times)
    return buffer.getvalue()


def add_video(
    file: av.container.OutputContainer,
    codec: str,
    image: np.ndarray,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> av.VideoStream:
    stream = file.add_stream(codec, rate=25, options=options or {})
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt = pixel_format
    stream.thread_count = 1
    stream.bit_rate = 1_500_000
    return stream


def write_video(
    file: av.container.OutputContainer,
    stream: av.VideoStream,
    images: Sequence[np.ndarray],
    times: Sequence[int] | None = None,
) -> None:
    for number, image in enumerate(images):
        kind = "rgba" if image.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
        if times is not None:
            frame.pts, frame.time_base = times[number], Fraction(1, 25)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def write_silence(file: av.container.OutputContainer, stream: av.AudioStream) -> None:
    kind = stream.format.name
    for number in range(8):
        samples = np.zeros((1, 1024), {"s16": np.int16, "s32p": np.int32}.get(kind, np.float32))
        frame = av.AudioFrame.from_ndarray(samples, kind, "mono")
        frame.sample_rate, frame.pts = 16000, 1024 * number
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def sound(container: str, codec: str) -> bytes:
    """A file with sound alone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        write_silence(file, file.add_stream(codec, rate=16000, layout="mono"))
    return buffer.getvalue()


def still(kind: str, mode: str = "RGB", orientation: int | None = None, **options: object) -> bytes:
    """The portrait as a picture file; an orientation is met by turning what is stored back."""
    image = Image.fromarray(portrait())
    if orientation:
        image.getexif()[0x0112] = orientation
        options["exif"] = image.getexif()
    if orientation in TURNED_BACK:
        image = image.transpose(TURNED_BACK[orientation])
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def spoil(data: bytes, share: float, length: int, seed: int | None = None) -> bytes:
    """Overwrite `length` bytes from a place on, by zeros or by noise."""
    start = int(len(data) * share)
    noise = bytes(length) if seed is None else np.random.default_rng(seed).bytes(length)
    return (data[:start] + noise + data[start + length :])[: len(data)]


def spoil_packet(data: bytes, marker: bytes, which: int, length: int = 24) -> bytes:
    """Overwrite what follows the `which`-th chunk header (marker and 4 bytes of size) of an AVI."""
    place = -1
    for _ in range(which + 1):
        place = data.index(marker, place + 1)
    return data[: place + 8] + b"\xff" * length + data[place + 8 + length :]


def patch(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes at `offset` after the first occurrence of `marker`."""
    place = data.index(marker) + len(marker) + offset
    return data[:place] + value + data[place + len(value) :]


def fixed(value: float) -> bytes:
    """A number in 16.16 fixed point, as MP4 has it."""
    return int(value * 65536).to_bytes(4, "big", signed=True)


def with_matrix(mp4: bytes, a: float, b: float, c: float, d: float) -> bytes:
    """An MP4 whose track header shows the stored point (X, Y) at (a X + c Y, b X + d Y)."""
    top, left = fixed(a) + fixed(b) + bytes(4), fixed(c) + fixed(d) + bytes(4)
    return patch(mp4, b"tkhd", 40, top + left)


def stored_for(image: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """What must be stored so that a matrix of 0 and +-1 shows `image`, by OpenCV's warp."""
    height, width = image.shape[:2]
    size = (width, height) if a else (height, width)
    corners = [(a * x + c * y, b * x + d * y) for x in (0, size[0] - 1) for y in (0, size[1] - 1)]
    move_x, move_y = -min(x for x, _ in corners), -min(y for _, y in corners)
    warp = np.array([[a, c, move_x], [b, d, move_y]], float)
    return cv2.warpAffine(image, warp, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)


def boxes(mp4: bytes) -> dict[bytes, bytes]:
    """The outermost boxes of an MP4 by name, whole."""
    found, place = {}, 0
    while place < len(mp4):
        size = int.from_bytes(mp4[place : place + 4], "big")
        found[mp4[place + 4 : place + 8]] = mp4[place : place + size]
        place += size
    return found


def without_box(mp4: bytes, name: bytes) -> bytes:
    """An MP4 less one of its outermost boxes."""
    return b"".join(box for found, box in boxes(mp4).items() if found != name)


def index_first(mp4: bytes) -> bytes:
    """An MP4 whose index (moov) comes before the frames, as for the web."""
    found = boxes(mp4)
    moov = found.pop(b"moov")
    head = found.pop(b"ftyp")
    table = moov.index(b"stco") + 8
    count = int.from_bytes(moov[table : table + 4], "big")
    offsets = np.frombuffer(moov, ">u4", count, table + 4) + len(moov)
    moved = moov[: table + 4] + offsets.astype(">u4").tobytes() + moov[table + 4 + 4 * count :]
    return head + moved + b"".join(found.values())


def with_cover(mp3: bytes, cover: bytes) -> bytes:
    """An MP3 with a PNG as its cover picture (ID3v2.3, APIC)."""
    body = b"\x00image/png\x00\x03\x00" + cover
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\x00\x00" + body
    size = len(frame)
    syncsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + syncsafe + frame + mp3
