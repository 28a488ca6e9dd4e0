"""Files that are damaged or no videos: what decodes of them, and the reason why no more."""

import gc
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from odd_encode import cut, encode, patch, pictures, spoil

from pipeline.frames.libav import MAX_DAMAGED
from pipeline.frames.video import Frame, VideoError, decode, frames

ALL: Callable[[int], bool] = lambda number: True  # noqa: E731


def test_audio_alone_is_told(tmp_path):
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        list(decode(path, False, ALL))


def read(path: Path, keep: Callable[[int], bool] = lambda number: False):
    """(sha256 of every frame's RGB, remarks, error); frames to keep are converted at the end."""
    hashes: dict[int, str] = {}
    kept: list[Frame] = []
    remarks: list[tuple[int, str]] = []
    error = ""
    try:
        for frame in frames(path, False, lambda number, text: remarks.append((number, text))):
            if keep(frame.number):
                kept.append(frame)
            else:
                hashes[frame.number] = hashlib.sha256(frame.rgb()).hexdigest()
    except VideoError as caught:
        error = str(caught)
    for frame in kept:
        hashes[frame.number] = hashlib.sha256(frame.rgb()).hexdigest()
    return hashes, remarks, error


KINDS = [
    ("avi", "mjpeg", "yuvj420p", {}),
    ("avi", "mpeg4", "yuv420p", {}),
    ("mp4", "libx264", "yuv420p", {"bf": "2"}),
    ("matroska", "ffv1", "yuv420p", {}),
    ("mov", "prores", "yuv422p10le", {}),
    ("mpeg", "mpeg2video", "yuv420p", {}),
    ("matroska", "libx265", "yuv420p", {"x265-params": "log-level=none", "preset": "ultrafast"}),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[1])
def test_damaged_data_gives_the_same_frames_whichever_frames_are_kept(tmp_path, kind):
    # Where data is damaged libav shows what lay in its memory before: that must not depend on
    # which frames a caller holds, nor on when Python collects its garbage.
    container, codec, pixel_format, options = kind
    data = encode(container, codec, pictures(14), pixel_format, options)
    for seed in range(4):
        for share in (0.4, 0.55, 0.7, 0.85):
            data = spoil(data, share + seed / 100, 12, seed)
        path = tmp_path / "a.bin"
        path.write_bytes(data)
        plain = read(path)
        assert len(plain[0]) > 3
        assert read(path, lambda number: True) == plain
        gc.disable()
        assert read(path, lambda number: number % 3 == 0) == plain
        gc.enable()


def spoil_pngs(mov: bytes, which: range) -> bytes:
    """Overwrite the signatures of some of the PNG pictures that a MOV is made of."""
    places = [place for place in range(len(mov)) if mov[place : place + 4] == b"\x89PNG"]
    data = bytearray(mov)
    for place in places[which.start : which.stop]:
        data[place : place + 8] = bytes(8)
    return bytes(data)


def test_a_run_of_damaged_packets_is_passed_over_and_told_once(tmp_path):
    path = tmp_path / "a.mov"
    mov = encode("mov", "png", pictures(20, (32, 40)), "rgb24")
    path.write_bytes(spoil_pngs(spoil_pngs(mov, range(4, 7)), range(9, 10)))
    hashes, remarks, error = read(path)
    assert list(hashes) == list(range(16))
    assert error == ""
    assert [number for number, _ in remarks] == [3, 8]
    assert remarks[0][1].startswith("damaged packets passed over: 3 (")
    assert remarks[1][1].startswith("damaged packets passed over: 1 (")
    path.write_bytes(spoil_pngs(mov, range(17, 20)))
    hashes, remarks, error = read(path)
    assert (len(hashes), error) == (17, "")
    assert [number for number, _ in remarks] == [16]


def test_damage_without_an_end_ends_the_video(tmp_path):
    path = tmp_path / "a.mov"
    mov = encode("mov", "png", [np.zeros((8, 8, 3), np.uint8)] * (MAX_DAMAGED + 50), "rgb24")
    path.write_bytes(spoil_pngs(mov, range(3, MAX_DAMAGED + 40)))
    hashes, remarks, error = read(path)
    assert len(hashes) == 3
    assert len(remarks) == 1
    assert error.startswith(f"not decodable any further: {MAX_DAMAGED} damaged packets on end")
    # One less, and it goes on.
    path.write_bytes(spoil_pngs(mov, range(3, MAX_DAMAGED + 2)))
    hashes, _, error = read(path)
    assert (len(hashes), error) == (51, "")


def test_a_frame_that_is_too_large_is_told(tmp_path):
    path = tmp_path / "a.avi"
    data = encode("avi", "rawvideo", [np.zeros((16, 16, 3), np.uint8)], "bgr24")
    side = (12_000).to_bytes(4, "little")
    path.write_bytes(patch(data, b"strf", 8, side + side))
    with pytest.raises(VideoError, match="12000 x 12000: over the limit of 134217728 pixels"):
        list(decode(path, False, ALL))
    side = (60_000).to_bytes(4, "little")  # more than libavformat itself takes
    path.write_bytes(patch(data, b"strf", 8, side + side))
    with pytest.raises(VideoError, match=r"no frame of it decodes \(Invalid data"):
        list(decode(path, False, ALL))


def test_a_name_is_a_name_and_not_a_protocol_or_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a|b.avi", "http:a.avi", "%03d.avi", "-i.avi", "a\nb.avi"):
        Path(name).write_bytes(encode("avi", "mpeg4", pictures(2, (32, 40))))
        assert len(list(decode(Path(name), False, ALL))) == 2


def test_playlists_are_not_followed(tmp_path):
    # libavformat would open what they name, wherever that is; OpenCV does.
    (tmp_path / "a.ts").write_bytes(encode("mpegts", "libx264", pictures(3)))
    path = tmp_path / "list.avi"
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile a.ts\n",
    ):
        path.write_text(text)
        with pytest.raises(VideoError, match="not decodable"):
            list(decode(path, False, ALL))


def test_decoding_damaged_files_writes_nothing_to_the_terminal(tmp_path):
    for kind in KINDS:
        data = encode(*kind[:2], pictures(8), *kind[2:])
        (tmp_path / f"{kind[1]}.avi").write_bytes(spoil(cut(data, 0.9), 0.5, 60, 1))
    (tmp_path / "noise.avi").write_bytes(np.random.default_rng(0).bytes(3000))
    code = """
import sys
from pathlib import Path
from pipeline.frames.video import VideoError, decode
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        for _ in decode(path, False, lambda number: True): pass
    except VideoError: pass
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60,
        check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_reasons_do_not_hold_the_name_of_the_file(tmp_path):
    path = tmp_path / "someone.mp4"
    for content in (b"", b"text", encode("mp4", "libx264", pictures(3))[:900]):
        path.write_bytes(content)
        with pytest.raises(VideoError) as caught:
            list(decode(path, False, ALL))
        assert "someone" not in str(caught.value)


def test_an_mp4_cut_off_before_its_index_says_so(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(cut(encode("mp4", "libx264", pictures(6)), 0.6))
    with pytest.raises(VideoError, match=r"its index \(moov\) is missing"):
        list(decode(path, False, ALL))
