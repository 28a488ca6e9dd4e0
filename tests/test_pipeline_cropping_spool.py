"""Samples that wait on disk come back as they were, in any order."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.cropping.spool import BLOCK, ByteSpool, Spool
from pipeline.files.layers import Rows

FIELDS = {"frame": ("<i4", ()), "point": ("<f4", (2, 3))}


def all_of(rows: Rows) -> np.ndarray:
    blocks = list(rows.blocks)
    found = np.concatenate(blocks) if blocks else np.zeros(rows.shape, rows.dtype)
    assert found.shape == rows.shape
    assert found.dtype == rows.dtype
    return found


def test_records_come_back_in_any_choice_and_order(tmp_path):
    rng = np.random.default_rng(1)
    points = rng.random((3 * BLOCK, 2, 3)).astype("<f4")
    with Spool(tmp_path, FIELDS) as spool:
        numbers = [spool.add(frame=2 * i, point=points[i]) for i in range(len(points))]
        assert numbers == list(range(3 * BLOCK))
        chosen = rng.permutation(3 * BLOCK)[: BLOCK + 7].tolist()
        assert np.array_equal(all_of(spool.rows("point", chosen)), points[chosen])
        assert np.array_equal(all_of(spool.rows("frame", chosen)), 2 * np.array(chosen))
        assert all_of(spool.rows("point", [])).shape == (0, 2, 3)
        # What is added later is seen too.
        last = spool.add(frame=-1, point=points[0])
        assert all_of(spool.rows("frame", [last, 0])).tolist() == [-1, 0]


def test_an_empty_spool_has_empty_rows_and_nothing_lies_in_the_folder(tmp_path):
    with Spool(tmp_path / "new", FIELDS) as spool:
        assert all_of(spool.rows("frame", [])).shape == (0,)
        spool.add(frame=1, point=np.zeros((2, 3)))
        assert list((tmp_path / "new").iterdir()) == []


def test_a_record_must_have_every_field(tmp_path):
    with Spool(tmp_path, FIELDS) as spool, pytest.raises(ValueError, match="point"):
        spool.add(frame=1)


def test_pieces_of_bytes_come_back_in_any_choice(tmp_path):
    pieces = [b"one", b"", b"three", b"fo", b"\0" * 70_000]
    with ByteSpool(tmp_path) as spool:
        for piece in pieces:
            spool.add(piece)
        for chosen in ([0, 1, 2, 3, 4], [4, 2], [1], []):
            joined, offsets = all_of(spool.rows(chosen)), spool.offsets(chosen)
            assert joined.tobytes() == b"".join(pieces[i] for i in chosen)
            assert [joined[start:end].tobytes() for start, end in pairwise(offsets)] == [
                pieces[i] for i in chosen
            ]
