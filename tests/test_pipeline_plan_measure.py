"""Which videos rates are measured on, and what becomes of the seconds that they took."""

import pytest
from made_run import made_rows

from pipeline.config import DatasetSettings
from pipeline.errors import UserError
from pipeline.plan import rates, timed
from pipeline.plan.headers import Header
from pipeline.plan.measure import by_turns, of_dataset, one_a_size, pick_videos
from pipeline.plan.plan import Inventory

EACH = DatasetSettings(root="nowhere", sampling="every", every=5)
RATES = rates.shipped().model_copy(
    update={"decode_ms_a_frame": [(1000, 10.0)], "crop_ms_a_look": {"embedded": [(1000, 450.0)]}}
)


def found(frames: int = 10, unreadable: tuple[int, ...] = ()) -> Inventory:
    rows = made_rows(videos=10)
    headers = [Header(0 if at in unreadable else frames, 1000) for at in range(len(rows))]
    return Inventory(rows, headers, list(range(len(rows))))


def test_live_and_spoof_come_by_turns_and_what_cannot_be_read_is_left_out():
    one = found(unreadable=(0, 1, 2))
    places = by_turns(one)
    assert len(places) == 37 and not {0, 1, 2} & set(places)
    assert [one.rows[at].live for at in places[:6]] == [1, 0, 1, 0, 1, 0]
    assert by_turns(one) == places != sorted(places)


def test_as_many_videos_are_tried_as_the_seconds_allow_and_at_least_one():
    # 10 frames at 10 ms and 2 looks at 450 ms: a second a video.
    assert len(pick_videos(found(), EACH, RATES, 7.5)) == 7
    assert len(pick_videos(found(), EACH, RATES, 0.5)) == 1
    assert pick_videos(found(unreadable=tuple(range(40))), EACH, RATES, 7.5) == []


def test_the_crop_stage_is_decoding_and_all_else():
    # 4 videos of 10 frames, 8 looks: 0.4 s of decoding once, 2.4 s in all.
    one = of_dataset(pick_videos(found(), EACH, RATES, 4.5), EACH, "embedded", 0.4, 2.4)
    assert one == rates.DatasetRates(
        pixels=1000, landmarks="embedded", decode_ms_a_frame=10.0, crop_ms_a_look=250.0
    )


def test_uniform_sampling_decodes_twice():
    some = DatasetSettings(root="nowhere", sampling="uniform", frames=2)
    one = of_dataset(pick_videos(found(), some, RATES, 4.5), some, "embedded", 0.4, 2.4)
    assert one.decode_ms_a_frame == 10.0
    assert one.crop_ms_a_look == pytest.approx((2.4 - 2 * 0.4) / 8 * 1000)


def test_a_stage_that_decodes_less_than_all_is_not_charged_more_than_it_took():
    one = of_dataset(pick_videos(found(), EACH, RATES, 4.5), EACH, "embedded", 4.0, 2.0)
    assert (one.decode_ms_a_frame, one.crop_ms_a_look) == (50.0, 0.0)


def test_points_of_one_size_become_their_mean():
    assert one_a_size([(500, 3.0), (100, 1.0), (500, 5.0)]) == [(100, 1.0), (500, 4.0)]


def _failing(text: str) -> float:
    raise UserError(text)


@pytest.mark.slow
def test_what_a_stage_complains_of_is_told():
    with pytest.raises(UserError, match="no weights"):
        timed.run(_failing, "no weights")
    with pytest.raises(UserError, match="without a result"):
        timed.run(int, "no number")
