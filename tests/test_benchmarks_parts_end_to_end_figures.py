"""Ratios, rates and shares of runs that stand between two bare decodings, worked out by hand."""

from benchmarks.parts.end_to_end_figures import Run, as_shares, of_way, over


def test_a_ratio_is_of_runs_measured_by_the_decoding_beside_them():
    ours = [Run(4.0, 4.0, bare=2.0, frames=10), Run(9.0, 9.0, bare=3.0, frames=10)]
    theirs = [Run(24.0, 24.0, bare=2.0, frames=10), Run(36.0, 36.0, bare=2.0, frames=10)]
    assert over(theirs, ours) == (12 / 2 + 18 / 3) / 2
    assert over(theirs, ours, decoding=False) == (11 / 1 + 17 / 2) / 2


def test_what_a_run_would_be_without_a_part_of_it():
    assert Run(24.0, 30.0, bare=2.0, frames=10).without(4.0).times_bare == 10.0


def test_rates_are_of_all_frames_and_of_those_that_were_labelled():
    found = of_way([Run(4.0, 5.0, bare=2.0, frames=10, start_s=1.0)], frames=50)
    assert (found["frames_a_second"], found["labelled_frames_a_second"]) == (12.5, 2.5)
    assert (found["times_bare"], found["wall_s"], found["start_s"]) == (2.0, 5.0, 1.0)


def test_shares_of_two_runs_are_of_their_sum_and_milliseconds_of_one_frame():
    found = as_shares([{"decode": 1.0, "parse": 1.0}, {"decode": 2.0}], frames=10)
    assert found == {"decode": {"share": 0.75, "ms": 150.0}, "parse": {"share": 0.25, "ms": 50.0}}
