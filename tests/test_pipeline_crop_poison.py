"""Videos that crash the decoder, never end or take all memory cost themselves alone."""

import os
import signal
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from poison import Crops, Project, gone, until

pytestmark = pytest.mark.slow
POISONS = {
    "segfault.mp4": "crashed the decoder or the face mesh (SIGSEGV), twice; left out",
    "abort.mp4": "crashed the decoder or the face mesh (SIGABRT), twice; left out",
    "leave.mp4": "ended the decoder or the face mesh with exit code 7, twice; left out",
    "endless.mp4": "gave no frame for 5 s, twice; left out",
    "holding.mp4": "gave no frame for 5 s, twice; left out",
    "greedy.mp4": "took more than 1 GB of memory, twice; left out",
    "atonce.mp4": "took more than 1 GB of memory, twice; left out",
}
GOOD = ("a.mp4", "m.mp4", "z.mp4")


@pytest.fixture(scope="module")
def clips(tmp_path_factory, portrait, video_writer) -> list[Path]:
    """Three videos of 7 frames with a face, each of other pixels."""
    place = tmp_path_factory.mktemp("clips")
    return [
        video_writer(
            place / f"{shift}.mp4", [np.roll(portrait, shift + n, axis=1) for n in range(7)]
        )
        for shift in (0, 10, 20)
    ]


def project(folder: Path, clips: list[Path], poisons: tuple[str, ...], **limits) -> Project:
    """The good videos, and poisons among them."""
    made = Project(folder, **limits)
    for name, clip in zip(GOOD, clips, strict=True):
        made.add(name, clip)
    for name in poisons:
        made.add(name, clips[0])
    return made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, clips) -> Crops:
    return project(tmp_path_factory.mktemp("undisturbed") / "p", clips, ()).crop()


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory, clips) -> Project:
    made = project(tmp_path_factory.mktemp("poisoned") / "p", clips, tuple(POISONS), stalled=5)
    made.crops = made.crop()
    return made


def test_each_is_one_row_with_its_reason(poisoned):
    assert poisoned.crops.failures == {name: (-1, reason) for name, reason in POISONS.items()}
    assert poisoned.crops.remarks == []
    assert not poisoned.crops.of(*POISONS)


def test_the_others_have_the_bytes_that_they_would_have_had(poisoned, undisturbed):
    assert len(undisturbed.samples) == 9
    assert poisoned.crops.samples == undisturbed.samples


def test_no_process_and_no_file_is_left(poisoned):
    assert until(lambda: all(map(gone, poisoned.processes())))
    out = poisoned.folder / "out"
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == ["0000.h5", "mydata.csv"]


def test_again_it_is_finished_and_with_other_limits_it_is_made_again(tmp_path, clips):
    made = Project(tmp_path / "p")
    made.add("a.mp4", clips[0])
    made.add("segfault.mp4", clips[0])
    first = made.crop()
    assert "(made)" in made.said
    made.crop()
    assert "finished already" in made.said
    made.set_limits(memory_gb=1.5)
    again = made.crop()
    assert "(made)" in made.said
    assert again.key != first.key  # so that its labels are made again as well
    made.set_limits()
    assert made.crop().bytes == first.bytes  # the same reason, and all else, on every run


def test_what_no_video_was_left_out_of_is_finished_for_all_limits_of_time_and_memory(
    tmp_path, clips, undisturbed
):
    made = project(tmp_path / "p", clips, ())
    assert made.crop().bytes == undisturbed.bytes
    made.set_limits(memory_gb=3.0, seconds=7, stalled=7)
    assert made.crop().bytes == undisturbed.bytes
    assert "finished already" in made.said
    made.set_limits(frames=5)
    made.crop()
    assert "(made)" in made.said


def test_a_crash_that_does_not_come_again_costs_nothing(tmp_path, clips, undisturbed):
    made = Project(tmp_path / "p")
    made.add("once.mp4", clips[0])
    crops = made.crop()
    assert crops.failures == {}
    arrays = list(crops.samples.values())
    assert arrays == list(undisturbed.of("a.mp4").values()) and len(arrays) == 3
    assert len(set(made.processes())) == 3  # ocim crop, and two that decode


def packets(path: Path, count: int) -> Path:
    """A video of one picture of 64 x 64, `count` times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
        (packet,) = [*stream.encode(picture), *stream.encode()]
        for number in range(count):
            again = av.Packet(bytes(packet))
            again.stream, again.pts, again.dts = stream, number, number
            again.time_base, again.is_keyframe = Fraction(1, 25), True
            container.mux(again)
    return path


def test_a_very_long_video_ends_at_the_limit_of_frames(tmp_path, clips):
    made = Project(tmp_path / "p", frames=25_000)
    made.every = 10_000
    made.add("long.mkv", packets(tmp_path / "long.mkv", 60_000))
    made.add("short.mkv", packets(tmp_path / "short.mkv", 25_000))
    crops = made.crop()
    text = "more than 25000 frames (crop.limits.frames): not read any further"
    faceless = "no face found, nor in any within 5 frames"
    places = [(name, frame) for name in ("long.mkv", "short.mkv") for frame in (0, 10_000, 20_000)]
    of_both = [(*place, faceless) for place in places]
    told = ("long.mkv", -1, f"{text} (after sampled frame 20000)")
    assert sorted(crops.rows) == sorted([*of_both, told])


def test_a_video_that_gives_frames_without_end_ends_at_the_limit_of_time(tmp_path, clips):
    made = Project(tmp_path / "p", seconds=5)
    made.every = 1
    made.add("long.mkv", packets(tmp_path / "long.mkv", 60_000))
    made.add("a.mp4", clips[0])
    crops = made.crop()
    assert crops.failures == {"long.mkv": (-1, "took more than 5 s, twice; left out")}
    assert len(crops.of("a.mp4")) == 7


def test_large_frames_pass_one_limit_of_memory_and_another_not(tmp_path):
    # 11,000 x 11,000 is allowed (2^27 pixels); as RGB that is 363 MB, and as decoded half of it.
    path = tmp_path / "large.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 11_000
        stream.pix_fmt = "yuvj420p"
        frame = av.VideoFrame(11_000, 11_000, "yuvj420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    made = Project(tmp_path / "p", memory_gb=0.1)
    made.add("large.mkv", path)
    reason = "took more than 0.1 GB of memory, twice; left out"
    assert made.crop().failures == {"large.mkv": (-1, reason)}
    made.set_limits(memory_gb=2.0)
    ((frame, reason),) = made.crop().failures.values()
    assert frame == 0 and reason.startswith("no face found")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("poison", ["endless.mp4", "holding.mp4"])
def test_a_signal_of_the_terminal_ends_both_and_says_one_line(tmp_path, clips, number, poison):
    made, process = hanging(tmp_path, clips, poison)
    os.killpg(process.pid, number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, b"")
    assert error == b"ocim: stopped; what is finished is kept\n"
    assert until(lambda: all(map(gone, made.processes())))


def test_killed_the_parent_takes_its_child_along_even_out_of_code_of_c(tmp_path, clips):
    made, process = hanging(tmp_path, clips, "holding.mp4")
    process.kill()
    process.communicate(timeout=60)
    assert until(lambda: all(map(gone, made.processes())))


def hanging(folder: Path, clips: list[Path], poison: str) -> tuple[Project, subprocess.Popen]:
    """A run of `ocim crop` whose child hangs in a video."""
    made = Project(folder / "p", stalled=300)
    made.add("a.mp4", clips[0])
    made.add(poison, clips[0])
    process = made.started()
    assert until(made.begun)
    return made, process
