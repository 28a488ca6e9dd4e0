"""What back ends are given: samples of a crops file, read together where they lie together."""

import h5py
import numpy as np
import pytest

from pipeline.cropping.samples import to_jpeg
from pipeline.errors import UserError
from pipeline.labelling import runs, views_of

COUNT = 6


@pytest.fixture
def crops(tmp_path):
    rng = np.random.default_rng(0)
    loose = [rng.integers(0, 256, (512, 512, 3), np.uint8) // 64 * 64 for _ in range(COUNT)]
    pieces = [to_jpeg(picture) for picture in loose]
    arrays = {
        "image": rng.integers(0, 256, (COUNT, 256, 256, 3), np.uint8),
        "affine": rng.random((COUNT, 2, 3)),
        "landmarks": rng.random((COUNT, 468, 3), np.float32),
        "landmarks_refined": rng.random((COUNT, 478, 3), np.float32),
        "frame_size": np.array([(640 + i, 480 + i) for i in range(COUNT)], np.int32),
        "loose_affine": rng.random((COUNT, 2, 3)),
        "loose": np.frombuffer(b"".join(pieces), np.uint8),
        "loose_offset": np.cumsum([0, *map(len, pieces)]),
    }
    with h5py.File(tmp_path / "crops.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return tmp_path / "crops.h5", arrays, pieces


@pytest.mark.parametrize(
    "rows, wanted",
    [
        ([], []),
        ([4], [(4, 5)]),
        ([0, 1, 2], [(0, 3)]),
        ([0, 2, 3, 7], [(0, 1), (2, 4), (7, 8)]),
    ],
)
def test_rising_numbers_become_ranges_without_gaps(rows, wanted):
    assert list(runs(rows)) == wanted


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5], [1, 2, 5], [3]])
def test_each_view_has_what_stands_in_its_own_row(crops, rows):
    import cv2

    path, arrays, pieces = crops
    with h5py.File(path, "r") as file:
        views = views_of(file, rows, loose=True)
    assert len(views) == len(rows)
    for view, row in zip(views, rows, strict=True):
        assert np.array_equal(view.picture, arrays["image"][row])
        for name in ("affine", "landmarks", "landmarks_refined", "loose_affine"):
            assert np.array_equal(getattr(view, name), arrays[name][row])
        assert view.frame_size == (640 + row, 480 + row)
        bgr = cv2.imdecode(np.frombuffer(pieces[row], np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(view.loose, bgr[:, :, ::-1])


def test_without_the_looser_picture_there_is_none(crops):
    with h5py.File(crops[0], "r") as file:
        (view,) = views_of(file, [2], loose=False)
    assert view.loose is None and view.loose_affine is None


def test_a_damaged_looser_picture_is_named_by_its_row(crops):
    path, arrays, _ = crops
    start, stop = arrays["loose_offset"][4:6]
    with h5py.File(path, "r+") as file:
        file["loose"][start:stop] = 0
    with (
        h5py.File(path, "r") as file,
        pytest.raises(UserError, match=r"looser picture of row 4 is damaged; run ocim crop$"),
    ):
        views_of(file, [2, 3, 4, 5], loose=True)
