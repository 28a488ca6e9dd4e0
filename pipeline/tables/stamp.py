"""What a run of a table is of, and whether what lies in its folder is that, whole."""

import json
from pathlib import Path
from typing import Any

from pipeline.files.keys import sha256_file
from pipeline.files.store import write_json
from train.config import Settings
from train.evaluation.published import RESULTS_SCHEMA
from train.settings import HOW_IT_RUNS, settings_to_dict

MODEL, RESULTS, SCORES = "model.pt", "results.json", "scores.csv"
_STAMP, _FAILED = "evaluated.json", "failed.json"


class Run:
    """The folder of one run, and what it must be of: settings, and the hash of a bundle."""

    def __init__(self, folder: Path, settings: Settings, bundle: str) -> None:
        self.folder = folder
        values = settings_to_dict(settings)
        self._of = {
            "bundle": bundle,
            "results": RESULTS_SCHEMA,
            "settings": {key: values[key] for key in values if key not in HOW_IT_RUNS},
        }

    def _files(self) -> dict[str, str]:
        return {name: sha256_file(self.folder / name) for name in (MODEL, RESULTS, SCORES)}

    def is_evaluated(self) -> bool:
        """Whether model, results and scores are there, whole, and of these settings and bundle."""
        try:
            return _read(self.folder / _STAMP) == {"of": self._of, "files": self._files()}
        except OSError:
            return False

    def set_evaluated(self) -> None:
        """Write down that what lies there is what this run gives."""
        write_json(self.folder / _STAMP, {"of": self._of, "files": self._files()})

    def failure(self) -> str | None:
        """Why a training of these settings on this bundle failed; None where it did not."""
        written = _read(self.folder / _FAILED)
        if not isinstance(written, dict) or written.get("of") != self._of:
            return None
        return str(written.get("reason"))

    def set_failed(self, reason: str) -> None:
        """Write down why there are no results."""
        write_json(self.folder / _FAILED, {"of": self._of, "reason": reason})

    def clear_failure(self) -> None:
        """Forget an earlier failure."""
        (self.folder / _FAILED).unlink(missing_ok=True)


def _read(path: Path) -> Any:
    """What a file of ours says; None where it is not there or damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
