"""Cameras: targets alike for live and spoof, and exposure and focus that meet them."""

import numpy as np
import pytest

from pipeline.replica.cameras import CAMERAS, Sensor, Targets, aim, measure, settle, spread
from pipeline.replica.layout import all_videos
from pipeline.replica.make import all_targets
from pipeline.replica.rooms import room_picture


@pytest.mark.parametrize("count", [1, 4, 7, 36])
def test_every_column_of_a_spread_has_the_same_quantiles(count: int) -> None:
    points = spread(count, np.random.default_rng(3))
    wanted = (np.arange(count) + 0.5) / count
    assert np.allclose(np.sort(points, 0), wanted[:, None])


def test_live_and_spoof_aim_at_the_same_mean_brightness_and_sharpness() -> None:
    videos = all_videos(3, 5)
    targets = all_targets(videos, 5)
    for camera in CAMERAS:
        groups = [
            [t for v, t in zip(videos, targets, strict=True) if v.camera == camera and v.live is k]
            for k in (True, False)
        ]
        bright = [np.mean([t.brightness for t in group]) for group in groups]
        sharp = [np.mean(np.log([t.sharpness for t in group])) for group in groups]
        assert bright[0] == pytest.approx(bright[1], abs=1.0)
        assert sharp[0] == pytest.approx(sharp[1], abs=0.04)


@pytest.mark.parametrize("name", ["oulu", "replay"])
def test_exposure_and_focus_meet_their_targets(name: str) -> None:
    camera = CAMERAS[name]
    frame = room_picture(name, 0, camera.height, camera.width)[: camera.height, : camera.width]
    sensor = Sensor(camera, np.random.default_rng(0))
    seen = sensor.see(np.ascontiguousarray(frame))
    for point in ([0.1, 0.9, 0.5, 0.5], [0.9, 0.1, 0.5, 0.5]):
        targets: Targets = aim(camera, np.array(point))
        gain, amount = settle(sensor, [seen], targets)
        bright, sharp = measure([sensor.read(seen, 0, gain, amount)])
        assert bright == pytest.approx(targets.brightness, abs=1)
        assert sharp == pytest.approx(targets.sharpness, rel=0.05)


def test_frames_are_between_320_x_240_and_640_x_480_and_last_one_to_two_seconds() -> None:
    for camera in CAMERAS.values():
        assert 320 * 240 <= camera.height * camera.width <= 640 * 480
        assert camera.height % 2 == camera.width % 2 == 0
        for frames in camera.frames:
            assert 1 <= frames / camera.rate <= 2
