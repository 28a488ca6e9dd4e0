"""Video files of the replica: every frame, the same bytes, a size that tells little."""

import io

import av
import numpy as np
import pytest

from pipeline.replica.encode import encode_video


def frames_of(noise: float, count: int = 15) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:240, 0:320]
    base = np.dstack([x / 2, y, (x + y) / 3])
    return [
        np.clip(base + 5 * i + generator.normal(0, noise, base.shape), 0, 255).astype(np.uint8)
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".avi", "mpeg4"), (".avi", "libx264"), (".mov", "libx264"), (".mp4", "libx264")],
)
def test_every_frame_comes_back_from_each_container(suffix: str, codec: str) -> None:
    frames = frames_of(2.0)
    data = encode_video(frames, suffix, 15, codec, 60_000)
    with av.open(io.BytesIO(data)) as container:
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(decoded) == len(frames)
    error = np.abs(np.stack(decoded).astype(float) - np.stack(frames)).mean()
    assert error < 6


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "mpeg4"), (".mov", "libx264")])
def test_the_same_frames_give_the_same_bytes(suffix: str, codec: str) -> None:
    frames = frames_of(2.0)
    assert encode_video(frames, suffix, 15, codec, 60_000) == encode_video(
        frames, suffix, 15, codec, 60_000
    )


@pytest.mark.parametrize(
    ("suffix", "codec", "ratio"), [(".avi", "mpeg4", 1.3), (".mov", "libx264", 1.15)]
)
def test_the_size_tells_little_of_the_frames(suffix: str, codec: str, ratio: float) -> None:
    sizes = [len(encode_video(frames_of(n), suffix, 15, codec, 70_000)) for n in (1.0, 2.0, 4.0)]
    # At a constant quality, four times the noise takes several times the size.
    assert max(sizes) / min(sizes) < ratio
    assert np.mean(sizes) == pytest.approx(70_000, rel=0.15)


def test_a_turned_video_carries_a_display_matrix_of_180_degrees() -> None:
    for turned in (True, False):
        data = encode_video(frames_of(1.0, 3), ".mp4", 15, "libx264", 20_000, turned)
        with av.open(io.BytesIO(data)) as container:
            rotation = next(container.decode(video=0)).rotation
        assert abs(rotation) == (180 if turned else 0)
