"""Rows of scores for tests: one frame a video, and random ones with ties, failures and subjects."""

import random

from train.evaluation.scores import Score


def rows(live: list[float | None], spoof: list[float | None]) -> list[Score]:
    """One frame a video, nothing known besides."""
    return [Score(f"l{i}", 0, 1, s) for i, s in enumerate(live)] + [
        Score(f"s{i}", 0, 0, s) for i, s in enumerate(spoof)
    ]


def random_rows(seed: int, failing: float = 0.15) -> list[Score]:
    """Scores in eighths of 0 to 1, so that they and their means tie; at least one of each class."""
    rng = random.Random(seed)
    found = []
    for video in range(rng.randint(4, 30)):
        live = video % 2
        subject = f"p{rng.randint(0, 5)}"
        instrument = "" if live else rng.choice(["paper", "screen", "mask", ""])
        attack = "" if live else rng.choice(["print", ""])
        for frame in range(rng.randint(1, 4)):
            score = min(1, max(0, round(8 * rng.gauss(0.4 + 0.2 * live, 0.3)) / 8))
            there = None if rng.random() < failing else score
            row = Score(f"v{video}", frame, live, there, attack, instrument, subject, "made")
            found.append(row)
    found.append(Score("w0", 0, 0, 0.0, "print", "paper", "p0", "made"))
    found.append(Score("w1", 0, 1, 0.125, "", "", "p1", "made"))
    rng.shuffle(found)
    return found
