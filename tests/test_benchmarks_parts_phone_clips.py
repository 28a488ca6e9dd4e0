"""The made clips have the size, the rate, the bits and the frames of a phone's."""

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from benchmarks.parts.phone_clips import BITS_A_SECOND, CLIPS, make_clip


@pytest.mark.slow
@pytest.mark.parametrize("clip", [CLIPS[0], CLIPS[2]], ids=["live", "screen, B-frames"])
def test_a_clip_is_what_a_phone_takes(tmp_path, clip):
    path = tmp_path / "clip.mp4"
    make_clip(path, clip, frames=12, height=640)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (360, 640, 30)
        frames = list(container.decode(stream))
    assert len(frames) == 12
    assert any(frame.pict_type == PictureType.B for frame in frames) == (clip.b_frames > 0)
    bits = 8 * path.stat().st_size * 30 / 12
    assert 0.3 < bits / (BITS_A_SECOND * 640 * 360 / (1920 * 1080)) < 2.5
    first, last = (frames[i].to_ndarray(format="gray").astype(int) for i in (0, -1))
    assert np.abs(first - last).mean() > 2  # it moves
