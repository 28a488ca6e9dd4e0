"""One run of training: from settings and a bundle to a folder with model, curves and checkpoints.

In the order in which it happens: `train` opens the bundle and the folder, `_train` makes what is
trained and what it reads, `_begin` does what comes before the first step, `loop` makes the steps.
One step is Training.step (train/training.py), which calls the losses of train/methods.py.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch

from pipeline.bundle import CLASS_NAMES, Bundle
from pipeline.errors import UserError
from pipeline.files.store import write_json
from train import protocols
from train.batches import data, loader
from train.batches.domain import Domain
from train.config import Settings
from train.running import checkpoint, ranks, stopping
from train.running.device import reproducible
from train.running.held_out import HeldOut
from train.running.logbook import Logbook, Progress
from train.running.opened import as_user_errors, open_bundle
from train.running.origin import crop_of, data_of
from train.running.ranks import Process
from train.running.run import Replace, Run
from train.running.selection import Selection
from train.running.watch import Watch
from train.settings import settings_to_dict
from train.training import Training


def train(
    settings: Settings,
    bundle_folder: Path,
    run_folder: Path,
    progress: Progress | None = None,
    progress_every: int = 10,
    replace: Replace = "nothing",
    restart: bool = False,
) -> Path:
    """Train one protocol on a bundle and return the path of run_folder/model.pt.

    Beside it settings.json, curves.csv (the losses of every step), checkpoints/, tensorboard/,
    selection.csv where states are compared, and held_out_scores.csv where subjects of the sources
    are not trained on: they give the threshold that the model carries. A run that was stopped or
    killed goes on from its newest checkpoint and ends with the same bytes as if it had not been; a
    finished one is left as it is. replace: which trainings of other settings or of another bundle
    may be replaced in the folder (train/running/run.py); unless it is "nothing", a training that is
    still going on there is waited for. restart: begin anew, whatever the folder holds.
    progress: see train/running/logbook.py. Where the bundle is replaced meanwhile, stderr says so
    in one line and the run goes on with the one it opened. Under torchrun every process calls it
    alike, and the first one writes.

    Raises UserError for a bundle that lacks a dataset or a class, for a shard that is not the
    manifest's or changes under the run's hands, for losses that diverge, and for a training of
    other settings in the folder; stopping.Stopped after a signal to stop, once the state is saved.
    """
    bundle = open_bundle(bundle_folder)
    needed = [*settings.sources]
    needed += [settings.target] if settings.selection == "target" else []
    protocols.require(needed, bundle.datasets, str(bundle_folder))
    run = Run(run_folder, settings, bundle.hash, replace, restart)
    with (
        ranks.joined(settings.device != "cpu" and torch.cuda.is_available()) as process,
        reproducible(settings, process.local_rank) as device,
        # What a network draws from torch's own generator starts from seeds of ours at each step.
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        run.alone() if process.first else nullcontext(),
    ):
        _train(run, bundle, device, process, progress, progress_every)
    return run.model


def _train(
    run: Run,
    bundle: Bundle,
    device: torch.device,
    process: Process,
    progress: Progress | None,
    progress_every: int,
) -> None:
    """What each process does; the first one alone reads and writes the run."""
    settings = run.settings
    finished, state = _earlier(run, device, process)
    if finished:
        return
    with as_user_errors():
        domains = [Domain(bundle, name) for name in settings.sources]
        selection = Selection(bundle, domains, settings)
        sources = data.make_sources(
            domains, settings, selection.held_out, process.rank, process.world_size
        )
    per_epoch = max(source.steps for source in sources)
    training = Training(settings, settings.steps or settings.epochs * per_epoch, device, process)
    if state is not None:
        training.restore(checkpoint.read(state, str(run.checkpoints.path)))
    book = None
    if process.first:
        watch, origin, held_out = _begin(run, bundle, domains, selection, anew=state is None)
        book = Logbook(run, training, per_epoch, watch, origin, held_out, progress, progress_every)
    with closing(book) if book else nullcontext(), stopping.on_request() as request:
        loop(training, sources, selection, request, book)


def _earlier(run: Run, device: torch.device, process: Process) -> tuple[bool, bytes | None]:
    """What every process must know of the folder, which the first one reads: whether the run is
    finished, and the content of the checkpoint to go on from, None for a run that begins.

    Raises UserError in every process where the folder holds a training that may not be replaced.
    """
    finished, state, refusal = False, None, None
    if process.first:
        try:
            finished, state = run.is_finished(), run.unfinished(process.world_size)
        except UserError as error:
            refusal = error
    if ranks.largest(int(refusal is not None), process, device):
        raise refusal or UserError(f"process {process.rank}: the first process refuses, see there")
    finished = bool(ranks.largest(int(finished), process, device))
    return finished, ranks.from_the_first(state, process, device)


def _begin(
    run: Run, bundle: Bundle, domains: list[Domain], selection: Selection, anew: bool
) -> tuple[Watch, dict[str, Any], HeldOut]:
    """What the first process does before the first step that is made; returns what a Logbook needs
    besides the training: the watch over the bundle, the model's origin, who is not trained on.

    anew: the training goes on from no checkpoint, and what an earlier one has left is removed, once
    all that is needed can be read.
    """
    settings = run.settings
    if settings.target not in bundle.datasets:
        with suppress(OSError):  # nobody listens
            print(
                f"note: {bundle.folder} has no dataset '{settings.target}': the model cannot be"
                " evaluated there",
                file=sys.stderr,
            )
    with as_user_errors():
        held_out = HeldOut(bundle, domains, selection)
        origin = {
            "crop": crop_of(bundle, settings.sources),
            "classes": list(CLASS_NAMES),
            "data": data_of(bundle, domains, selection.held_out),
        }
    compared = [*selection.parts, *held_out.parts]
    read = [*domains, *(part.domain for part in compared)]
    watch = Watch(bundle, [shard.path for domain in read for shard in domain.shards])
    if anew:
        run.clear()
    write_json(run.folder / "settings.json", settings_to_dict(settings))
    return watch, origin, held_out


def loop(
    training: Training,
    sources: list[data.Source],
    selection: Selection,
    request: stopping.Request,
    book: Logbook | None,
) -> None:
    """Train from the step where the training is to its end, and save the model.

    book: of the first process, which compares and saves states; None in the others. Raises Stopped
    after the step in which a signal to stop came to one of the processes, and UserError as `train`.
    """
    settings, steps, device = training.settings, training.steps, training.device
    stored = loader.Steps(sources, steps, pinned=device.type == "cuda")
    left = range(training.done, steps)
    with loader.ahead(stored.__getitem__, left, settings.prefetch) as draws:
        for drawn, waited in read_steps(draws, training, book):
            step = training.done
            batches = [
                source.finish(raw, step, device) for source, raw in zip(sources, drawn, strict=True)
            ]
            numbers = training.step(batches)
            if book:
                book.row(numbers, waited)
                if selection.due(training.done, steps, book.per_epoch):
                    training.check_parameters()
                    book.verdict(selection.judge(training.networks))
                every = settings.checkpoint_every
                if every and training.done % every == 0 and training.done < steps:
                    book.checkpoint()
            stop = ranks.largest(request.number, training.process, device)
            if stop and training.done < steps:
                if book:
                    book.checkpoint()
                raise stopping.Stopped(stop, f"stopped after step {training.done} of {steps}")
    if book:
        book.model()


def read_steps(
    draws: Iterator[tuple[data.Raw, ...]], training: Training, book: Logbook | None
) -> Iterator[tuple[tuple[data.Raw, ...], float]]:
    """What each step draws, one Raw a source, and the seconds that were spent waiting for it.

    Where the bundle cannot be read on, what the training has come to is saved, if it can be, and
    UserError is raised.
    """
    begun = training.done
    while True:
        start = time.perf_counter()
        try:
            drawn = next(draws)
        except StopIteration:
            return
        except UserError as error:
            if book is None or training.done == begun:
                raise
            with suppress(UserError, OSError):
                book.checkpoint()
                where = f"saved after step {training.done}: the same command goes on"
                error = UserError(f"{error}; {where}")
            raise error from None
        yield drawn, time.perf_counter() - start
