"""docs/crops.md: its way back from the crop to the frame is the inverse of the way there."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import crops

PAGE = Path(__file__).parents[1] / "docs" / "crops.md"


def test_the_code_shown_brings_points_and_labels_back_to_the_frame():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    affine = np.array([[2.0, 0.0, -40.0], [0.0, 2.0, -20.0]])
    parsing = np.zeros((256, 256), np.uint8)
    parsing[100:120, 60:80] = 9
    given = {"affine": affine, "parsing": parsing, "width": 200, "height": 160}
    names: dict[str, Any] = {**given, "crop_points": np.array([[60.0, 100.0], [80.0, 120.0]])}
    exec(code, names)
    assert np.allclose(names["frame_points"], [[50, 60], [60, 70]])
    assert np.allclose(crops.transform(affine, names["frame_points"]), names["crop_points"])
    drawn = np.zeros((160, 200), np.uint8)
    drawn[60:70, 50:60] = 9
    assert np.array_equal(names["on_the_frame"], drawn)
