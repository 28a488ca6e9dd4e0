"""The folder of one training: whether it is finished, what it goes on from, what it leaves."""

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files.store import remove_left_over
from train.config import Settings
from train.running import checkpoint, held_out
from train.settings import HOW_IT_RUNS, settings_to_dict

CARD = "model-card.md"
"""The model card beside a model."""


class Run:
    """The folder of a run, and what is trained there. bundle: the hash of its bundle."""

    def __init__(self, folder: Path, settings: Settings, bundle: str) -> None:
        self.folder, self.settings, self.bundle = Path(folder), settings, bundle
        self.model = self.folder / "model.pt"
        self.curves = self.folder / "curves.csv"
        self.verdicts = self.folder / "selection.csv"
        self.held_out = self.folder / held_out.FILE
        self.card = self.folder / CARD
        self.board = self.folder / "tensorboard"
        self.checkpoints = checkpoint.Folder(self.folder / "checkpoints")

    @contextmanager
    def alone(self, wait: bool) -> Iterator[None]:
        """Hold the folder for the block.

        wait: where another process does, wait for it and say so, for it may have outlived a graph
        that was killed; else UserError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:  # freed by the system, also after kill -9
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                writing = f"{self.folder}: another training is writing here; "
                if not wait:
                    raise UserError(f"{writing}wait for it, or choose another folder") from None
                print(f"{writing}waiting for its end", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            for folder in (self.folder, self.checkpoints.path):
                remove_left_over(folder)
            yield

    def is_finished(self, replace: bool) -> bool:
        """Whether model.pt is there and what these settings and this bundle give.

        Raises UserError where it is of another training, unless that is to be replaced.
        """
        if not self.model.is_file():
            return False
        try:
            other = self._differs(checkpoint.load(self.model))
        except UserError as error:
            if replace:
                return False
            raise UserError(f"{error}; --restart begins anew") from None
        if other and not replace:
            raise UserError(
                f"{self.folder}: holds a finished training with {other}; choose another folder, or"
                " begin anew with --restart"
            )
        return not other

    def unfinished(self, processes: int, replace: bool) -> bytes | None:
        """The newest checkpoint's content; None where there is none, or the run has finished.

        Raises UserError where it is of another training: it is somebody's work, and not removed.
        replace: it is, and None is given.
        """
        steps = self.checkpoints.steps()
        if self.model.is_file() or not steps:
            return None
        path = self.checkpoints.of(steps[-1])
        content = path.read_bytes()
        there = checkpoint.read(content, str(path))
        other = self._differs(there)
        if not other and there.environment["processes"] != processes:
            other = f"{there.environment['processes']} processes instead of {processes}"
        if other and replace:
            return None
        if other:
            raise UserError(
                f"{self.folder}: holds an unfinished training with {other}, after {there.steps} of"
                f" {there.all_steps} steps; choose another folder, or begin anew with --restart"
            )
        return content

    def _differs(self, there: checkpoint.Model) -> str:
        """What a state was trained with that this run is not; empty where there is nothing."""
        ours, theirs = settings_to_dict(self.settings), settings_to_dict(there.settings)
        keys = [key for key in ours if ours[key] != theirs[key] and key not in HOW_IT_RUNS]
        if keys:
            return f"other settings ({', '.join(f'{key}: {theirs[key]}' for key in keys)})"
        return "" if there.bundle == self.bundle else f"another bundle ({there.bundle})"

    def clear(self) -> None:
        """Remove what an earlier training has left."""
        self.checkpoints.clear()
        for path in (self.model, self.curves, self.verdicts, self.held_out, self.card):
            path.unlink(missing_ok=True)
        if self.board.is_dir() and (self.folder / "settings.json").is_file():
            shutil.rmtree(self.board)
