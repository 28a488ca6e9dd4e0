"""Class maps from the looser picture to the one that is asked for."""

import numpy as np

from labels.parsing.cut import cut

SAME = np.eye(2, 3)


def test_each_pixel_takes_the_class_at_its_own_centre():
    parsing = np.arange(16, dtype=np.uint8).reshape(4, 4)
    # Half the size: centres 0.5 and 1.5 stand at 1 and 3, where pixels 1 and 3 begin.
    half = np.array([[0.5, 0, 0], [0, 0.5, 0]])
    assert cut(parsing, SAME, half, 2, 2).tolist() == [[5, 7], [13, 15]]
    # A third of a 6 x 6 map: centres 1.5 and 4.5, the middles of pixels 1 and 4.
    six = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert cut(six, SAME, half * 2 / 3, 2, 2).tolist() == [[7, 10], [25, 28]]


def test_the_same_geometry_changes_nothing_and_twice_the_size_doubles_each_pixel():
    parsing = np.random.default_rng(1).integers(0, 13, (7, 9)).astype(np.uint8)
    assert (cut(parsing, SAME, SAME, 7, 9) == parsing).all()
    doubled = cut(parsing, SAME, SAME * 2, 14, 18)
    assert (doubled == parsing.repeat(2, 0).repeat(2, 1)).all()


def test_both_affines_count_and_outside_of_the_map_is_background():
    parsing = np.full((4, 4), 9, np.uint8)
    parsing[1, 2] = 3
    # The looser picture shows the frame from (10, 20) on; the crop from (11, 20), 3 wide.
    loose = np.array([[1.0, 0, -10], [0, 1, -20]])
    crop = np.array([[1.0, 0, -11], [0, 1, -20]])
    assert cut(parsing, loose, crop, 2, 4).tolist() == [[9, 9, 9, 0], [9, 3, 9, 0]]


def test_a_quarter_turn_is_followed():
    parsing = np.array([[1, 2], [3, 4]], np.uint8)
    # Frame x becomes y and frame y becomes 2 - x: clockwise by a quarter.
    turned = np.array([[0.0, -1, 2], [1, 0, 0]])
    assert cut(parsing, SAME, turned, 2, 2).tolist() == [[3, 1], [4, 2]]
