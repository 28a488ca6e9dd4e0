"""t-SNE and the numbers beside it."""

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.explain.tsne import (
    Points,
    compared,
    neighbours,
    numbers,
    perplexity_of,
    project,
    silhouette,
)


def points_of(rows: list[tuple[float, bool, bool, str]]) -> Points:
    """Points on a line: place, live, source, subject."""
    places, live, source, subject = (np.array(column) for column in zip(*rows, strict=True))
    return Points(places[:, None], live, source, subject, np.zeros(len(rows)))


def test_cosine_takes_the_length_off_and_euclid_leaves_it():
    rows = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    assert compared(rows, "cosine").tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert compared(rows, "euclidean").tolist() == rows.tolist()


def test_the_perplexity_is_at_most_a_third_of_the_other_samples():
    assert perplexity_of(200, 30) == 30
    assert perplexity_of(91, 30) == 30
    assert perplexity_of(90, 30) == 29
    assert perplexity_of(5, 30) == 1
    with pytest.raises(UserError, match="at least 5 samples, and there are 4"):
        perplexity_of(4, 30)


@pytest.mark.parametrize("channels", [1, 2, 16])
def test_two_clouds_stay_two_clouds_and_the_same_seed_gives_the_same_places(channels):
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, 0.1, (40, channels))
    embedding[:20] += 10
    places = project(embedding, 5, 0)
    again = project(embedding, 5, 0)
    assert places is not None and again is not None and places.shape == (40, 2)
    assert np.array_equal(places, again)
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(away, np.inf)
    assert np.array_equal(away.argmin(1) < 20, np.arange(40) < 20)
    assert silhouette(places, np.arange(40) < 20) > 0.5


def test_embeddings_that_are_all_one_point_have_no_places():
    assert project(np.ones((10, 4)), 2, 0) is None


def test_a_silhouette_worked_out_by_hand():
    # Live at 0 and 1, spoof at 10: (10 - 1) / 10, (9 - 1) / 9, and 0 for a class of one.
    places = np.array([[0.0], [1.0], [10.0]])
    wanted = (0.9 + 8 / 9 + 0) / 3
    assert silhouette(places, np.array([True, True, False])) == pytest.approx(wanted)


def test_a_silhouette_needs_both_classes_and_three_samples():
    assert silhouette(np.arange(4.0)[:, None], np.ones(4, bool)) is None
    assert silhouette(np.arange(2.0)[:, None], np.array([True, False])) is None


SOURCES = [(float(n), True, True, f"live{n}") for n in range(5)] + [
    (float(n), False, True, f"spoof{n}") for n in range(100, 105)
]


def test_the_nearest_sources_say_what_a_target_is():
    # A live target near the live sources is right, one near the spoofs wrong: 1/2 of the live. The
    # spoof is right: 1 of the spoofs. Balanced: 3/4.
    targets = [(2.5, True, False, "x"), (101.0, True, False, "y"), (103.0, False, False, "z")]
    points = points_of(SOURCES + targets)
    assert neighbours(points, ~points.source) == 0.75


def test_a_samples_own_subject_is_not_near_it():
    # Six spoof frames of one person at 0 to 0.5, live people at 1 to 5. The spoofs have only live
    # neighbours but themselves: all wrong. At 1 the five nearest are spoofs, at 2 three of five; at
    # 3, 4 and 5 four of five are live: 3/5 right. The mean of 0 and 3/5.
    spoofs = [(n / 10, False, True, "twin") for n in range(6)]
    live = [(float(n), True, True, f"live{n}") for n in range(1, 6)]
    points = points_of(spoofs + live)
    assert neighbours(points, points.source) == 0.3


def test_without_enough_sources_or_a_class_there_is_no_share():
    few = points_of([*SOURCES[:4], (2.5, True, False, "x"), (9.0, False, False, "z")])
    assert neighbours(few, ~few.source) is None
    one_class = points_of([*SOURCES, (2.5, True, False, "x")])
    assert neighbours(one_class, ~one_class.source) is None


def test_numbers_tell_source_and_target_apart():
    targets = [(2.5, True, False, "x"), (1.5, True, False, "y"), (1.0, False, False, "z")]
    found = numbers(points_of(SOURCES + targets))
    assert found["neighbours"] == {"source": 1.0, "target": 0.5}
    assert found["silhouette"]["source"] > 0.9
    # Live at 2.5 and 1.5, spoof at 1: (1.5 - 1) / 1.5, (0.5 - 1) / 1, 0.
    assert found["silhouette"]["target"] == pytest.approx((1 / 3 - 1 / 2) / 3)
