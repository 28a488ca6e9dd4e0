"""The columns of a bundle in memory, against plain loops over its shards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_browse import make_columns
from made_bundle import make_bundle

from pipeline.browse.catalogue import FIGURES, TEXTS, TextColumn, read_catalogue
from pipeline.bundle import Bundle, Shard
from pipeline.inspect.read import Opened


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Two datasets, three splits, two shards each."""
    folder = tmp_path_factory.mktemp("catalogue") / "bundle"
    return make_bundle(folder, ("casia", "oulu"), videos=2, frames=2, pieces=2)


def catalogue_of(folder):
    return read_catalogue(Opened(folder))


def test_samples_are_numbered_by_file_and_row_and_keep_their_columns(bundle):
    known, troubles = catalogue_of(bundle)
    assert troubles == []
    number = 0
    for name in sorted(path.name for path in bundle.glob("*.h5")):
        shard = Shard(bundle / name)
        for row in range(len(shard)):
            place = known.files[known.shards[number]], known.rows[number]
            assert place == (name, row)
            expected = {"dataset": shard.dataset, "split": shard.split}
            expected["live"] = "live" if shard.live[row] else "spoof"
            for text in TEXTS[3:]:
                expected[text] = str(getattr(shard, text)[row])
            assert {text: known.text(text, number) for text in TEXTS} == expected
            assert known.frames[number] == shard.frame[row]
            for figure in FIGURES:
                assert known.figures[figure][number] == getattr(shard, figure)[row]
            number += 1
    assert number == known.size == sum(e["samples"] for e in Bundle(bundle).manifest["shards"])


@given(st.lists(st.lists(st.text(alphabet="ab脸<\n", max_size=3), max_size=5), max_size=4))
def test_texts_of_many_shards_become_sorted_values_and_their_places(shards):
    column = TextColumn()
    for texts in shards:
        column.add(np.array(texts, "U3"))
    found = column.texts()
    every = [text for texts in shards for text in texts]
    assert found.values == sorted(set(every))
    assert [found.values[code] for code in found.codes] == every


def test_a_shard_that_cannot_be_read_is_left_out_and_told(tmp_path):
    folder = make_bundle(tmp_path / "b", ("casia",), videos=1, frames=1)
    path = folder / "casia-dev-00000-of-00001.h5"
    path.write_bytes(path.read_bytes()[:4000])
    known, (line,) = catalogue_of(folder)
    assert line.startswith("2 samples are not shown: ") and path.name in line and "\n" not in line
    assert known.size == 4
    assert set(known.texts["split"].values) == {"train", "test"}
    assert known.files[known.shards[0]] == "casia-test-00000-of-00001.h5"


def test_a_figure_that_a_shard_lacks_is_nan_and_told(tmp_path):
    import h5py

    folder = make_columns(tmp_path / "b", ["a.mp4", "b.mp4"])
    with h5py.File(folder / "own-train-00000-of-00001.h5", "r+") as file:
        del file["yaw"]
    known, (line,) = catalogue_of(folder)
    assert line.startswith("yaw is not known: ")
    assert np.isnan(known.figures["yaw"]).all() and known.size == 2
    assert not np.isnan(known.figures["pitch"]).any()


def test_a_bundle_without_samples_is_an_empty_catalogue(tmp_path):
    folder = make_bundle(tmp_path / "b", ())
    known, troubles = catalogue_of(folder)
    assert known.size == 0 and troubles == []
    assert known.texts["video"].values == []
