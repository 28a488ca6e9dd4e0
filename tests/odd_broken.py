"""Video files whose headers lie, that are damaged, or that are no videos at all (odd_media.py)."""

import io
import zipfile
from collections.abc import Iterator

import av
import numpy as np
from odd_encode import (
    add_video,
    cut,
    patch,
    pictures,
    portrait,
    sound,
    spoil,
    spoil_packet,
    still,
    with_cover,
    without_box,
    write_video,
)
from odd_media import FRAMES, FULL, LONG, NONE, ONE, Odd, whole


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
    some = range(6, LONG)
    yield Odd("first_half_missing.ts", lambda: whole("ts", LONG)[188 * 60 :], some, face=False)
    yield Odd("rest_noise.avi", lambda: spoil(whole("avi", LONG), 0.5, 10**6, 1), some, face=False)


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
        ("playlist.avi", playlist),
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


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("a.mp4"), whole("mp4"))
    return buffer.getvalue()


def broken() -> list[Odd]:
    """All files of this module."""
    return [*lying_headers(), *damaged_files(), *no_videos()]
