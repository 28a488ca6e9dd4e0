"""Scores files one after the other and tells of each as soon as it is there."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.predict import tell
from pipeline.predict.file import Prediction, predict_file
from pipeline.predict.inputs import gather
from pipeline.predict.scorer import given_threshold, scoring
from pipeline.store import write_bytes


def run(
    model: Path,
    paths: Sequence[Path],
    every: int,
    number: float | None,
    frames: bool,
    as_json: bool,
    scores: Path | None,
    threads: int | None,
    say: Callable[[str], None],
) -> bool:
    """Score the pictures and videos at `paths`; whether each of them has a score.

    number: a threshold in place of the model's. frames: a line for each frame too. as_json: one
    JSON object at the end in place of lines. scores: where a CSV goes, or None. say: takes a line.
    Raises UserError for a model that cannot score, or where there is nothing to score.
    """
    given = None if number is None else given_threshold(number)
    inputs = gather(paths)
    made: list[Prediction] = []
    with scoring(model, threads) as scorer:
        threshold = given or scorer.threshold
        with scorer.crop.choice().load() as landmarks:
            if not as_json:
                for line in tell.head(scorer, threshold):
                    say(line)
            for path in inputs.files:
                made.append(predict_file(path, scorer, landmarks, every))
                if not as_json:
                    for line in tell.lines(made[-1], threshold, frames):
                        say(line)
        if scores is not None:
            # A name that is no UTF-8 is written so that the file is.
            write_bytes(scores, tell.scores_text(made).encode("utf-8", "backslashreplace"))
        if as_json:
            found = tell.as_json(scorer, threshold, made, inputs.passed_over, every)
            say(json.dumps(found, indent=1, sort_keys=True, allow_nan=False))
        else:
            for line in tell.foot(Counter(tell.kind(one, threshold) for one in made),
                                  inputs.passed_over):  # fmt: skip
                say(line)
    return all(one.score is not None for one in made)
