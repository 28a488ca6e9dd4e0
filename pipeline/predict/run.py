"""Scores files one after the other and tells of each as soon as it is there."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files.store import check_apart, write_bytes
from pipeline.predict import output
from pipeline.predict.file import Prediction, predict_file
from pipeline.predict.inputs import gather
from pipeline.predict.scorer import given_threshold, scoring


@dataclass(frozen=True)
class Options:
    """How files are scored, and what is printed and written of them.

    every, upside_down: see predict_file. threshold: a number in place of the model's. frames: a
    line for each frame too. as_json: one JSON object at the end in place of lines. scores: where a
    CSV goes. threads: of the processor; None: as the model was trained.
    """

    every: int = 5
    upside_down: bool = False
    threshold: float | None = None
    frames: bool = False
    as_json: bool = False
    scores: Path | None = None
    threads: int | None = None


def run(model: Path, paths: Sequence[Path], options: Options, say: Callable[[str], None]) -> bool:
    """Score the pictures and videos at `paths`; whether each of them has a score.

    say: takes a line. Raises UserError for a model that cannot score, where there is nothing to
    score, and for a threshold that is not finite or a place of the scores that cannot be written;
    OSError where a file cannot be read or there is no room.
    """
    given = None if options.threshold is None else given_threshold(options.threshold)
    if options.scores is not None and options.scores.is_dir():
        raise UserError(f"{options.scores}: is a folder; name a file for the scores")
    inputs = gather(paths)
    if options.scores is not None:
        check_apart(options.scores, [model, *inputs.files])
    predictions: list[Prediction] = []
    with scoring(model, options.threads) as scorer:
        threshold = given or scorer.threshold

        def lines(of: Iterable[str]) -> None:
            for line in () if options.as_json else of:
                say(line)

        with scorer.crop.choice().load() as landmarks:
            lines(output.head(scorer, threshold))
            for path in inputs.files:
                predictions.append(
                    predict_file(path, scorer, landmarks, options.every, options.upside_down)
                )
                lines(output.lines(predictions[-1], threshold, options.frames))
        if options.scores is not None:
            # Bytes of a path that are no UTF-8 are escaped, so that the CSV is UTF-8.
            text = output.scores_text(predictions)
            write_bytes(options.scores, text.encode("utf-8", "backslashreplace"))
        if options.as_json:
            about = {"every": options.every, "upside_down": options.upside_down}
            found = output.as_json(scorer, threshold, predictions, inputs.passed_over)
            say(json.dumps({**found, **about}, indent=1, sort_keys=True, allow_nan=False))
        outcomes = Counter(output.outcome(prediction, threshold) for prediction in predictions)
        lines(output.foot(outcomes, inputs.passed_over))
    return all(prediction.score is not None for prediction in predictions)
