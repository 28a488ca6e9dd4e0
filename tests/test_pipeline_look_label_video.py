"""`ocim label VIDEO`, by the real command line, on real video files."""

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from command_line import OCIM, in_process, mistake
from PIL import Image

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.look import label_video

label = partial(in_process, "label")

NAMES = ("crop", "depth", "overlay", "parsing")
GREY = np.full((400, 320, 3), 127, np.uint8)


def shown(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """Seven frames at 25 a second; the fourth has no face."""
    frames = [np.roll(portrait, 2 * number, axis=1) for number in range(7)]
    frames[3] = GREY
    return video_writer(tmp_path_factory.mktemp("clip") / "a clip.mp4", frames)


@pytest.fixture(scope="module")
def every_frame(clip: Path, tmp_path_factory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("out") / "new" / "folder"
    return out, label(clip, "-o", out)


def test_each_frame_with_a_face_has_its_pictures_under_its_own_number(every_frame):
    out, result = every_frame
    assert result.exit_code == 0
    pictures = {f"a clip_{n:05d}_{name}.png" for n in (0, 1, 2, 4, 5, 6) for name in NAMES}
    assert {path.name for path in out.iterdir()} == {*pictures, "a clip_overlay.mp4"}


def test_the_frame_without_a_face_is_listed(every_frame):
    out, result = every_frame
    assert result.output.splitlines() == [
        "frame 3: no face found",
        f"{out / 'a clip_overlay.mp4'}: 6 frames labelled",
    ]


def test_crops_follow_the_face(every_frame):
    out, _ = every_frame
    first, last = (
        np.asarray(Image.open(out / f"a clip_{n:05d}_crop.png")).astype(int) for n in (0, 6)
    )
    assert np.abs(first - last).mean() < 12


def test_the_overlay_video_shows_the_overlays_in_order(every_frame):
    out, _ = every_frame
    frames = shown(out / "a clip_overlay.mp4")
    assert len(frames) == 6
    for number, frame in zip((0, 1, 2, 4, 5, 6), frames, strict=True):
        picture = np.asarray(Image.open(out / f"a clip_{number:05d}_overlay.png"))
        assert frame.shape == picture.shape
        assert np.abs(frame.astype(int) - picture.astype(int)).mean() < 8


@pytest.mark.slow
def test_every_nth_frame_and_the_size_of_the_frame(clip, tmp_path, portrait):
    result = label(clip, "-o", tmp_path / "out", "--every", 2, "--frame")
    assert result.exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *(f"a clip_{n:05d}_{name}.png" for n in (0, 2, 4, 6) for name in NAMES),
        "a clip_overlay.mp4",
    }
    size = (portrait.shape[1], portrait.shape[0])
    for name in ("depth", "parsing", "overlay"):
        assert Image.open(tmp_path / "out" / f"a clip_00004_{name}.png").size == size
    assert Image.open(tmp_path / "out" / "a clip_00004_crop.png").size == (256, 256)
    with av.open(str(tmp_path / "out" / "a clip_overlay.mp4")) as container:
        assert container.streams.video[0].average_rate == pytest.approx(12.5)


@pytest.mark.slow
def test_the_same_video_gives_the_same_bytes(clip, every_frame, tmp_path):
    label(clip, "-o", tmp_path)
    for path in every_frame[0].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.slow
def test_one_frame_of_a_clip_is_a_clip_too(clip, tmp_path):
    result = label(clip, "-o", tmp_path / "out", "--every", 10_000)
    assert result.exit_code == 0, result.output
    assert len(shown(tmp_path / "out" / "a clip_overlay.mp4")) == 1


def test_frames_of_odd_sides_are_shown_too(tmp_path, portrait, video_writer):
    odd = portrait[:399, :319]
    path = video_writer(tmp_path / "odd.avi", [odd] * 2, "ffv1", pixel_format="yuv444p")
    result = label(path, "-o", tmp_path / "out", "--frame")
    assert result.exit_code == 0, result.output
    assert shown(tmp_path / "out" / "odd_overlay.mp4")[0].shape == (400, 320, 3)
    assert Image.open(tmp_path / "out" / "odd_00000_depth.png").size == (319, 399)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["faceless", "text", "empty", "missing", "folder"])
def test_a_video_that_gives_nothing_is_one_line_and_leaves_nothing(tmp_path, video_writer, kind):
    path = tmp_path / "a.mp4"
    if kind == "faceless":
        video_writer(path, [GREY] * 3)
    elif kind == "text":
        path.write_text("this is no video")
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    before = sorted(tmp_path.iterdir())
    assert mistake("label", path, "-o", tmp_path / "out").startswith(f"ocim: {path}: ")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_video_that_breaks_off_keeps_its_frames_and_says_so(tmp_path, portrait, video_writer):
    whole = video_writer(tmp_path / "a.avi", [portrait] * 30, "mpeg4")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 2 // 3])
    result = label(whole, "-o", tmp_path / "out", "--every", 5)
    assert result.exit_code == 0
    assert (tmp_path / "out" / "a_00000_depth.png").is_file()


def test_a_picture_without_a_suffix_is_still_a_picture(tmp_path, portrait):
    path = tmp_path / "someone"
    Image.fromarray(portrait).save(path, "PNG")
    result = label(path, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "someone_depth.png").is_file()


@pytest.mark.slow
def test_a_name_that_cannot_be_written_is_told_before_the_first_file(clip, tmp_path):
    (tmp_path / "out" / "a clip_00004_depth.png").mkdir(parents=True)
    line = mistake("label", clip, "-o", tmp_path / "out")
    assert line.endswith("a clip_00004_depth.png: a folder has this name; take it away")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a clip_00004_depth.png"]
    (tmp_path / "file").touch()
    assert "is a file" in mistake("label", clip, "-o", tmp_path / "file")
    long = tmp_path / f"{'l' * 245}.mp4"
    long.write_bytes(clip.read_bytes())
    assert "too long a name" in mistake("label", long, "-o", tmp_path / "new")


def started(folder, portrait, video_writer, after, hangup=signal.SIG_DFL):
    """`ocim label` of a long video, so many seconds after it began to make files."""
    path = video_writer(folder / "long.mp4", (portrait for _ in range(300)))

    def dispositions() -> None:  # whatever a CI or a background job has handed down
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, hangup)

    process = subprocess.Popen(
        [OCIM, "label", path, "-o", folder / "out", "--every", "30"],
        stderr=subprocess.PIPE,
        preexec_fn=dispositions,
    )
    while not list(folder.glob(".ocim-label.*")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(after)
    return process


# At first the models are being loaded, where an exception would turn into an ImportError.
@pytest.mark.parametrize("after", [0, 0.3])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.slow
def test_stopped_by_a_signal_it_leaves_nothing(tmp_path, portrait, video_writer, number, after):
    process = started(tmp_path, portrait, video_writer, after)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert said.endswith(b"ocim: stopped; what is finished is kept\n")
    assert [path.name for path in tmp_path.iterdir()] == ["long.mp4"]


@pytest.mark.slow
def test_under_nohup_it_goes_on(tmp_path, portrait, video_writer):
    process = started(tmp_path, portrait, video_writer, 0, hangup=signal.SIG_IGN)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "out" / "long_overlay.mp4").is_file()


@pytest.mark.slow
def test_a_video_that_changes_while_it_is_read_is_one_line(clip, tmp_path, monkeypatch):
    # Between the two passes of --frame.
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    once = label_video.crop_video

    def then_cut(*values):
        once(*values)
        path.write_bytes(b"no video any more")

    monkeypatch.setattr(label_video, "crop_video", then_cut)
    with pytest.raises(UserError, match=r"a\.mp4: not decodable"):
        label_video.label_video(path, tmp_path / "out", Config(), frame=True, every=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
