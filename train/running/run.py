"""The folder of one run: which files it has, and what an earlier training in it means for this."""

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pipeline.errors import UserError
from pipeline.files.store import remove_left_over
from train.config import Settings
from train.running import checkpoint, held_out
from train.settings import HOW_IT_RUNS, settings_to_dict

CARD = "model-card.md"
"""The model card beside a model."""

Replace = Literal["nothing", "finished", "everything"]
"""Which trainings of other settings a run may replace in its folder: none, one that is finished,
or one that was stopped as well.
"""


class Run:
    """The folder of a run, and what is trained there.

    bundle: the hash of its bundle. replace: which earlier trainings of other settings or of another
    bundle give way; the others are refused, since they are somebody's work. restart: whatever lies
    in the folder gives way, a training of the same settings too.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        bundle: str,
        replace: Replace = "nothing",
        restart: bool = False,
    ) -> None:
        self.folder, self.settings, self.bundle = Path(folder), settings, bundle
        self.replace, self.restart = replace, restart
        self.model = self.folder / "model.pt"
        self.curves = self.folder / "curves.csv"
        self.verdicts = self.folder / "selection.csv"
        self.held_out = self.folder / held_out.FILE
        self.card = self.folder / CARD
        self.board = self.folder / "tensorboard"
        self.checkpoints = checkpoint.Folder(self.folder / "checkpoints")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder for the block, and remove what killed processes left half-written in it.

        Where another process holds it and nothing may be replaced, raises UserError. Else waits for
        that process, which may have outlived a graph that was killed, and says so on stderr.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:  # freed by the system, also after kill -9
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                writing = f"{self.folder}: another training is writing here; "
                if self.replace == "nothing":
                    raise UserError(f"{writing}wait for it, or choose another folder") from None
                print(f"{writing}waiting for its end", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            for folder in (self.folder, self.checkpoints.path):
                remove_left_over(folder)
            yield

    def is_finished(self) -> bool:
        """Whether model.pt is there and what these settings and this bundle give.

        Raises UserError where it is of another training, unless that may be replaced.
        """
        if self.restart or not self.model.is_file():
            return False
        try:
            difference = self._difference(checkpoint.load(self.model))
        except UserError as error:
            if self.replace != "nothing":
                return False
            raise UserError(f"{error}; --restart begins anew") from None
        if difference and self.replace == "nothing":
            raise UserError(
                f"{self.folder}: holds a finished training with {difference}; choose another"
                " folder, or begin anew with --restart"
            )
        return not difference

    def unfinished(self, processes: int) -> bytes | None:
        """The content of the checkpoint to go on from; None where this run begins anew.

        processes: how many train together, which may not change on the way. Raises UserError where
        the newest checkpoint is of another training, unless that may be replaced.
        """
        steps = self.checkpoints.steps()
        if self.restart or self.model.is_file() or not steps:
            return None
        path = self.checkpoints.of(steps[-1])
        content = path.read_bytes()
        state = checkpoint.read(content, str(path))
        difference = self._difference(state)
        if not difference and state.environment["processes"] != processes:
            difference = f"{state.environment['processes']} processes instead of {processes}"
        if difference and self.replace == "everything":
            return None
        if difference:
            raise UserError(
                f"{self.folder}: holds an unfinished training with {difference}, after"
                f" {state.steps} of {state.all_steps} steps; choose another folder, or begin anew"
                " with --restart"
            )
        return content

    def _difference(self, state: checkpoint.Model) -> str:
        """How the training of a state differs from this run; empty where it does not."""
        ours, theirs = settings_to_dict(self.settings), settings_to_dict(state.settings)
        keys = [key for key in ours if ours[key] != theirs[key] and key not in HOW_IT_RUNS]
        if keys:
            return f"other settings ({', '.join(f'{key}: {theirs[key]}' for key in keys)})"
        return "" if state.bundle == self.bundle else f"another bundle ({state.bundle})"

    def clear(self) -> None:
        """Remove what an earlier training has left."""
        self.checkpoints.clear()
        for path in (self.model, self.curves, self.verdicts, self.held_out, self.card):
            path.unlink(missing_ok=True)
        if self.board.is_dir() and (self.folder / "settings.json").is_file():
            shutil.rmtree(self.board)
