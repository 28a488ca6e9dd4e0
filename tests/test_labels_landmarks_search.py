"""Where faces are searched for in a picture, and what no runtime takes."""

import numpy as np
import pytest

from labels.landmarks.search import Detection, FaceFinder, search_windows
from labels.patches import PATCH


class Blind(FaceFinder):
    """Sees no face anywhere."""

    reach = PATCH
    pieces = (2, 4)

    def detect(self, image: np.ndarray) -> list[Detection]:
        return []

    def meshes(self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray) -> None:
        return None

    def close(self) -> None:
        pass


def test_pieces_of_a_picture_cover_it() -> None:
    levels = list(search_windows(1920, 1080, PATCH, (2, 4)))
    assert levels[0] == [(0, 0, 1080, 1920)]
    assert len(levels) == 3
    for windows in levels:
        seen = np.zeros((1920, 1080), bool)
        for x0, y0, x1, y1 in windows:
            assert 0 <= x0 < x1 <= 1080
            assert 0 <= y0 < y1 <= 1920
            seen[y0:y1, x0:x1] = True
        assert seen.all()


def test_small_pictures_are_not_cut_to_pieces() -> None:
    assert len(list(search_windows(240, 320, PATCH, (2, 4)))) == 1


def test_what_is_no_colour_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Blind().find(np.zeros((10, 10), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        Blind().find(np.zeros((10, 10, 3), np.float32))


@pytest.mark.parametrize("box", [(9, 9, 9, 20), (9, 20, 30, 9), (float("nan"), 0, 9, 9)])
def test_at_needs_a_box(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="box must be"):
        Blind().at(np.zeros((400, 320, 3), np.uint8), box)
