"""What a training tells and leaves: progress, curves, TensorBoard, checkpoints, the model."""

import csv
import dataclasses
import io
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import UserError
from pipeline.files.store import write_text
from train import meta
from train.evaluation.card_file import write_card
from train.evaluation.scores import scores_text
from train.optimizer import learning_rate
from train.protocols import parse
from train.running import checkpoint
from train.running.held_out import HeldOut
from train.running.run import Run
from train.running.selection import NAMES, Verdict
from train.running.watch import Watch
from train.training import Best, Training

Progress = Callable[[dict[str, Any]], None]
"""Called after the first step made, every so many and after the last, with step, steps, epoch,
epochs, the losses by their names (listed under losses), images_per_second, seconds_left, memory
(bytes, the most so far) and waiting (share of the time in which the device waited for samples)."""

VERDICTS = ("step", "hter", "auc", "kept")
"""Columns of selection.csv: by video, fractions; kept: 1 where it was the best so far."""


def columns(curves: Sequence[str]) -> tuple[str, ...]:
    """Those of curves.csv, one row a step, for a method's losses."""
    return ("step", "epoch", "mining", "learning_rate", "total", *curves, "gradient_norm")


def csv_line(row: dict[str, Any] | Iterable[Any], names: Sequence[str]) -> str:
    """One line: numbers with nine digits, which hold a float32 without loss; empty what is not
    there, such as a loss that the variant leaves out.
    """
    values = [row.get(name, "") for name in names] if isinstance(row, dict) else list(row)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        f"{value:.9g}" if isinstance(value, float) else value for value in values
    )
    return text.getvalue()


class Board:
    """TensorBoard's logs, where the package is installed and they are wanted.

    done: steps that were made before; what was logged after them is hidden.
    """

    def __init__(self, folder: Path, wanted: bool, done: int) -> None:
        self._writer: Any = None
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return  # train/ does not ask for it
        self._writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)

    def add(self, step: int, values: dict[str, Any]) -> None:
        """Log the numbers among the values at a step, counted from 1."""
        if self._writer is not None:
            for name, value in values.items():
                if isinstance(value, float):
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()


class Logbook:
    """The outputs of one run; close it at the end, after an error too.

    training: as it is, new or restored. per_epoch: steps of one epoch. origin: of a model its
    crop, classes and data. progress: is called for the first step made here, for every
    `progress_every`-th, and for the last.
    """

    def __init__(
        self,
        run: Run,
        training: Training,
        per_epoch: int,
        watch: Watch,
        origin: dict[str, Any],
        held_out: HeldOut,
        progress: Progress | None,
        progress_every: int,
    ) -> None:
        self.run, self.training, self.per_epoch, self.watch = run, training, per_epoch, watch
        self.origin, self.held_out = origin, held_out
        self.progress, self.every = progress, progress_every
        self.columns = columns(training.method.curves)
        self.board = Board(run.board, run.settings.tensorboard, training.done)
        self.began, self.from_step, self.waited = time.monotonic(), training.done, 0.0

    def close(self) -> None:
        """Write the curves so far, and what is left of TensorBoard's logs."""
        self.write_tables()
        self.board.close()

    def row(self, values: dict[str, float], waited: float) -> None:
        """Take down the step that was just made, and report it where it is time.

        values: what Training.step returns. waited: seconds in which the step waited for samples.
        """
        training, settings = self.training, self.run.settings
        step, steps = training.done, training.steps
        epoch = (step - 1) // self.per_epoch + 1
        has_triplet = settings.parts.triplet is not None
        row: dict[str, Any] = {
            "step": step,
            "epoch": epoch,
            "mining": meta.stage(settings, step - 1, steps).mining if has_triplet else "",
            "learning_rate": learning_rate(settings, step - 1, steps),
            **values,
        }
        training.curves.append(csv_line(row, self.columns))
        self.board.add(step, row)
        self.waited += waited
        first = step == self.from_step + 1
        if (step - 1) % self.every and step < steps and not first:
            return
        self.watch.warn()
        pace = self.pace()
        self.board.add(step, {f"run/{name}": value for name, value in pace.items()})
        if self.progress:
            losses = [name for name in ("total", *training.method.curves) if name in values]
            counts = {"step": step, "steps": steps, "epoch": epoch}
            epochs = -(-steps // self.per_epoch)
            self.progress({**counts, "epochs": epochs, "losses": losses, **values, **pace})

    def pace(self) -> dict[str, float]:
        """Since the training began or went on: images_per_second; seconds_left; waiting, the share
        of the time, 0 to 1; and memory, the most so far, in bytes.
        """
        training = self.training
        seconds = max(time.monotonic() - self.began, 1e-9)
        made = training.done - self.from_step
        return {
            "images_per_second": training.images / seconds,
            "seconds_left": (training.steps - training.done) * seconds / max(made, 1),
            "waiting": self.waited / seconds,
            "memory": float(most_memory(training.device)),
        }

    def verdict(self, verdict: Verdict) -> None:
        """Take down how good the state is; keep it, as best.pt too, where it is the best so far.

        Raises OSError where the disk refuses it.
        """
        training = self.training
        kept = verdict.beats(training.best.verdict if training.best else None)
        row = [training.done, *map(float, verdict), int(kept)]
        training.verdicts.append(csv_line(row, VERDICTS))
        self.board.add(training.done, {"selection/" + k: v for k, v in verdict._asdict().items()})
        if kept:
            networks = checkpoint.copied(training.networks.state_dict())
            training.best = Best(training.done, verdict, networks)
            checkpoint.save(self.run.checkpoints.best, self.model_of(training.best))

    def model_of(self, best: Best | None) -> checkpoint.Model:
        """A best state, or where it is None the state of now, as a file of it holds it."""
        training = self.training
        on_the_way = f"last so far: after {training.done} of {training.steps} steps"
        is_last = best is None and training.done < training.steps
        return checkpoint.Model(
            networks=best.networks if best else training.networks.state_dict(),
            settings=training.settings,
            protocol=str(parse(training.settings.protocol)),
            bundle=self.run.bundle,
            steps=best.steps if best else training.done,
            all_steps=training.steps,
            selection=on_the_way if is_last else NAMES[self.run.settings.selection],
            environment=training.environment(),
            threshold=None,
            **self.origin,
        )

    def checkpoint(self) -> None:
        """Save all that going on from here needs.

        Raises DivergedError where a parameter is not finite, OSError where the disk refuses it.
        """
        training = self.training
        training.check_parameters()
        state = dataclasses.replace(self.model_of(None), training=training.state())
        self.run.checkpoints.add(state, self.run.settings.keep_checkpoints)
        self.write_tables()

    def model(self) -> None:
        """Save the state that is kept in the end, with the threshold that it carries.

        The model comes last: where it is, the run is finished. Where the held-out samples cannot be
        read, a checkpoint is saved and UserError is raised; the same command then needs no step
        more. Raises DivergedError and OSError as `checkpoint`.
        """
        self.training.check_parameters()
        self.write_tables()
        model = self.model_of(self.training.best)
        try:
            rows = self.held_out.score(model, self.training.process.local_rank)
        except UserError as error:
            self.checkpoint()
            where = f"saved after step {self.training.done}: the same command goes on"
            raise UserError(f"{error}; {where}") from None
        model = dataclasses.replace(model, threshold=self.held_out.threshold(rows))
        if rows:
            write_text(self.run.held_out, scores_text(rows))
        write_card(model, None, self.run.folder)
        checkpoint.save(self.run.model, model)

    def write_tables(self) -> None:
        """Write curves.csv, and selection.csv where states were compared, each whole or not at all.

        Raises OSError where the disk refuses one.
        """
        training = self.training
        header = csv_line(self.columns, self.columns)
        write_text(self.run.curves, header + "".join(training.curves))
        if training.verdicts:
            header = csv_line(VERDICTS, VERDICTS)
            write_text(self.run.verdicts, header + "".join(training.verdicts))


def most_memory(device: torch.device) -> int:
    """The most memory that was in use so far, in bytes: the GPU's, or the process's own."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def progress_line(state: dict[str, Any]) -> str:
    """One line of a progress report: step, losses, images a second, memory, time left.

    state: what Progress is called with.
    """
    losses = " ".join(f"{name} {state[name]:.3f}" for name in state["losses"])
    left = int(state["seconds_left"])
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return (
        f"step {state['step']}/{state['steps']} epoch {state['epoch']}/{state['epochs']}  {losses}"
        f"  {state['images_per_second']:.1f} images/s  {state['memory'] / 1e9:.1f} GB"
        f"  {clock} left"
    )
