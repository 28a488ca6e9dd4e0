"""train/batches/streams.py: random numbers that follow from the seed and a purpose alone."""

from train.batches.streams import generator, seed_of


def test_a_purpose_has_the_same_numbers_whatever_was_drawn_before():
    first = generator(3, "samples", "casia/live", 7)
    other = generator(3, "flip", "casia", 7)
    assert other.random() != first.random()
    # As they were when the first model was trained: another number here is another training.
    assert generator(3, "samples", "casia/live", 7).random() == 0.7884025162461002


def test_seed_and_every_part_of_the_purpose_decide_the_numbers():
    drawn = {
        generator(seed, *purpose).random()
        for seed in (0, 1)
        for purpose in (("roles", 1), ("roles", 2), ("samples", 1), ("roles", "1"))
    }
    assert len(drawn) == 8


def test_a_seed_for_torch_is_a_whole_number_below_2_to_the_63():
    seeds = [seed_of(3, "torch", 0, step) for step in range(100)]
    assert seeds[7] == 7662112890649501212
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
