"""The positions that datasets ship: both formats, and the measures taken from them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labels.canonical import VERTICES
from pipeline.cropping import shipped
from pipeline.cropping.shipped import (
    Shipped,
    ShippedError,
    distance,
    face_box_of,
    read_shipped,
    turned,
)

RIGHT = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
LEFT = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]


def read(folder: Path, name: str, data: str | bytes) -> dict[int, Shipped]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_shipped(path)


def frontal(scale: float = 20.0, x: float = 400.0, y: float = 300.0, degrees: float = 0.0):
    """The canonical face from the front, as landmarks in frame pixels (468 x 3)."""
    points = VERTICES.astype(np.float64) * (1, -1, -1) * scale
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    points[:, :2] = points[:, :2] @ np.array([[c, -s], [s, c]]).T
    return points + (x, y, 0)


def eyes_of(landmarks: np.ndarray) -> np.ndarray:
    return np.stack([landmarks[RIGHT, :2].mean(axis=0), landmarks[LEFT, :2].mean(axis=0)])


def test_eyes_are_read_the_left_one_in_the_picture_first_at_pixel_centres(tmp_path):
    found = read(tmp_path, "1_1_01_1.txt", "0,461,722,648,720\r\n2,648,720,461,722\n\n")
    assert list(found) == [0, 2]
    for place in found.values():
        assert place.box is None
        np.testing.assert_array_equal(place.eyes, [[461.5, 722.5], [648.5, 720.5]])


def test_boxes_are_read_as_edges(tmp_path):
    found = read(tmp_path, "a.face", "0 100 50 80 90\n1 -5 -7 20 30\n")
    assert found == {0: Shipped((100, 50, 180, 140), None), 1: Shipped((-5, -7, 15, 23), None)}


def test_the_eyes_of_msu_are_taken_and_its_box_is_not(tmp_path):
    text = "0,310.5,120,420,260.2,395.25,160,340,161.5\n1,0,0,0,0,0,0,0,0\n2.0,1,1,9,9,7,3,4,3\n"
    found = read(tmp_path, "a.face", text)
    assert list(found) == [0, 2]
    assert found[0].box is None
    np.testing.assert_array_equal(found[0].eyes, [[340.5, 162.0], [395.75, 160.5]])


@pytest.mark.parametrize("line", [
    "7,1,2,30,4", "7 1 2 30 4", " 7 , 1 , 2 , 30 , 4 ", "7, 1, 2, 30, 4", "7\t1\t2\t30\t4",
    "007,1.0,2.0,30.,4", "7,+1,2,30,4",
])  # fmt: skip
def test_commas_and_spaces_may_separate(tmp_path, line):
    np.testing.assert_array_equal(read(tmp_path, "a.txt", line)[7].eyes, [[1.5, 2.5], [30.5, 4.5]])
    assert read(tmp_path, "A.FACE", line)[7].box == (1, 2, 31, 6)


@pytest.mark.parametrize("name", ["a.txt", "a.face"])
def test_frames_without_a_face_and_empty_files_give_nothing(tmp_path, name):
    assert list(read(tmp_path, name, "0 0 0 0 0\n1 5 5 9 9\n2 0 0 0 0\n")) == [1]
    assert read(tmp_path, name, "") == {} and read(tmp_path, name, "\n \n") == {}


WRONG = [
    ("a.txt", "0,1,2,3,4\n1,1,2,3\n", 2, "not a frame number and four numbers"),
    *(("a.txt", text, 1, "not a frame number and four numbers") for text in (
        "0,1,2,3,4,5\n", "0;1;2;3;4\n", "frame,x1,y1,x2,y2\n", "-1,1,2,3,4\n", "1.5,1,2,3,4\n",
        f"{'1' * 30},1,2,3,4\n")),
    *(("a.txt", text, 1, "the position is not all numbers") for text in (
        "0,1,,3,4\n", "0,1,nan,3,4\n", "0,1,2,3,1e5\n", "0,1,2,3,1_0\n", "0,1,2,3,99999999\n")),
    ("a.txt", "3,1,2,3,4\n\n5,1,2,3,4\n3,0,0,0,0\n", 4, "frame 3 stands in line 1 already"),
    ("a.face", "3 0 0 0 0\n03 1 2 3 4\n", 2, "frame 3 stands in line 1 already"),
    ("a.txt", "0,5,5,5,5\n", 1, "both eyes are at one place"),
    ("a.face", "0 5 5 0 9\n", 1, "the box is 0 wide and 9 high"),
    ("a.face", "0 5 5 9 -9\n", 1, "the box is 9 wide and -9 high"),
    ("a.face", b"0 5 5 9 9\n\xff\xfe\n", 2, "no line of numbers"),
    ("a.face", "0 5 5 9 9".encode("utf-16"), 1, "no line of numbers"),
    ("a.face", b"0 5 5 9 9\n" + b"\0" * 5000, 2, "no line of numbers"),
    ("a.face", "0 5 5 9 9\n" + " " * 5000, 2, "no line of numbers"),
]  # fmt: skip


@pytest.mark.parametrize("name, data, line, words", WRONG, ids=range(len(WRONG)))
def test_a_malformed_line_is_told(tmp_path, name, data, line, words):
    with pytest.raises(ShippedError) as caught:
        read(tmp_path, name, data)
    message = str(caught.value)
    assert message.startswith(f"{name}: line {line}: ") and words in message
    assert message.isprintable()


def test_more_than_a_million_lines_are_refused(tmp_path):
    path = tmp_path / "a.face"
    path.write_bytes(b"0 1 2 3 4\n" + b"\n" * 999_999)
    assert list(read_shipped(path)) == [0]
    path.write_bytes(b"0 1 2 3 4\n" + b"\n" * 1_000_000)
    with pytest.raises(ShippedError, match="line 1000001: more than 1000000 lines"):
        read_shipped(path)


def test_a_file_that_is_missing_a_folder_or_of_another_suffix_is_told(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    for name in ("none.face", "folder.txt"):
        with pytest.raises(ShippedError, match="cannot read"):
            read_shipped(tmp_path / name)
    with pytest.raises(ShippedError, match=r"positions are called \.txt \(eyes\) or \.face"):
        read(tmp_path, "a.csv", "0,1,2,3,4")


@settings(max_examples=150)
@given(st.binary() | st.text() | st.text(alphabet="0123456789 ,.-+\n\t"),
       st.sampled_from(["a.txt", "a.face"]))  # fmt: skip
def test_any_bytes_are_read_or_refused_with_a_line(tmp_path_factory, data, name):
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(folder, name, data)
    except ShippedError as error:
        assert f"{name}: line " in str(error)
    else:
        for place in found.values():
            x0, y0, x1, y1 = face_box_of(place)
            assert x0 < x1 and y0 < y1 and np.isfinite([x0, y0, x1, y1]).all()


def test_the_constants_are_those_of_the_canonical_face():
    face = VERTICES.astype(np.float64)[:, :2] * (1, -1)
    low, high = face.min(axis=0), face.max(axis=0)
    eyes = eyes_of(face)
    apart = np.linalg.norm(eyes[1] - eyes[0])
    side = (high - low).max() / apart
    assert side == pytest.approx(shipped.BOX_SIDE, abs=5e-4)
    below = (low + high) / 2 - eyes.mean(axis=0)
    assert below[0] == pytest.approx(0, abs=1e-6)
    assert below[1] / apart == pytest.approx(shipped.BOX_BELOW, abs=5e-5)


def test_the_box_around_the_eyes_of_a_face_from_the_front_holds_its_mesh():
    landmarks = frontal()
    x0, y0, x1, y1 = face_box_of(Shipped(None, eyes_of(landmarks)))
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    assert x1 - x0 == pytest.approx(y1 - y0) == pytest.approx((high - low).max(), rel=1e-3)
    np.testing.assert_allclose([(x0 + x1) / 2, (y0 + y1) / 2], (low + high) / 2, atol=0.05)


def test_of_a_tilted_face_the_box_moves_along_its_own_down():
    # Eyes upright over one another, the subject's right one above: the face looks to the left of
    # the picture with its chin. Half of a box of 2.795 distances, its centre 0.5085 to the left.
    x0, y0, x1, y1 = face_box_of(Shipped(None, np.array([[100.0, 50.0], [100.0, 150.0]])))
    assert (x0 + x1) / 2 == pytest.approx(100 - 50.85)
    assert (y0 + y1) / 2 == pytest.approx(100)
    assert x1 - x0 == pytest.approx(279.5)
    landmarks = frontal(degrees=25)
    x0, y0, x1, y1 = face_box_of(Shipped(None, eyes_of(landmarks)))
    inside = ((landmarks[:, :2] > (x0, y0)) & (landmarks[:, :2] < (x1, y1))).all(axis=1)
    assert inside.mean() > 0.97


def test_a_shipped_box_is_the_box():
    assert face_box_of(Shipped((1.0, 2.0, 3.0, 4.0), None)) == (1.0, 2.0, 3.0, 4.0)


def test_the_distance_is_zero_at_the_mesh_and_counts_in_face_squares():
    landmarks = frontal()
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    side = float((high - low).max())
    eyes = eyes_of(landmarks)
    assert distance(Shipped(None, eyes), landmarks) == pytest.approx(0, abs=1e-12)
    # One eye off by 0.3 of the square and the other right: a mean of 0.15.
    assert distance(Shipped(None, eyes + [[0.3 * side, 0], [0, 0]]), landmarks) == pytest.approx(
        0.15
    )
    assert distance(Shipped(None, eyes[::-1]), landmarks) > 0.3
    box = (*low, *high)
    assert distance(Shipped(box, None), landmarks) == pytest.approx(0, abs=1e-12)
    moved = (*(low + [0.3 * side, 0.4 * side]), *(high + [0.3 * side, 0.4 * side]))
    assert distance(Shipped(moved, None), landmarks) == pytest.approx(0.5)


def test_nothing_shipped_has_no_box_and_no_distance():
    for call in (face_box_of, lambda nothing: distance(nothing, frontal())):
        with pytest.raises(ValueError, match="neither a box nor eyes"):
            call(Shipped(None, None))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_positions_turn_with_the_picture(degrees):
    # A box of white pixels in a black picture, turned by numpy, says where the box must be.
    picture = np.zeros((30, 50), bool)
    picture[4:9, 10:22] = True
    after = np.rot90(picture, degrees // 90)
    rows, columns = np.nonzero(after)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    size = (after.shape[1], after.shape[0])
    assert turned(Shipped((10, 4, 22, 9), None), degrees, size).box == box
    eyes = np.array([(10.5, 4.5), (21.5, 8.5)])  # the middles of two corner pixels
    found = turned(Shipped(None, eyes), degrees, size).eyes
    assert found is not None
    wanted = []
    for marked in eyes:
        one = np.zeros((30, 50), bool)
        one[int(marked[1]), int(marked[0])] = True
        (row,), (column,) = np.nonzero(np.rot90(one, degrees // 90))
        wanted.append((column + 0.5, row + 0.5))
    assert [tuple(eye) for eye in found] == sorted(wanted)  # the further left one first
