"""The training run: from settings and a bundle to model.pt, curves.csv and settings.json."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from pipeline.bundle import Bundle
from pipeline.store import write_json
from train import checkpoint, data, loader, protocols, ranks, stopping
from train.config import Settings
from train.device import reproducible
from train.domain import Domain
from train.logbook import Logbook, Progress
from train.opened import open_bundle, told
from train.ranks import Ranks
from train.run import Run
from train.selection import Selection
from train.settings import settings_to_dict
from train.training import Training
from train.watch import Watch


def train(
    settings: Settings,
    bundle_folder: Path,
    run_folder: Path,
    progress: Progress | None = None,
    progress_every: int = 10,
    restart: bool = False,
) -> Path:
    """Train one protocol on a bundle and return the path of run_folder/model.pt.

    Beside it settings.json, curves.csv (the losses of every step), checkpoints/, tensorboard/, and
    selection.csv where states are compared. A run that was stopped or killed goes on from its
    newest checkpoint and ends with the same bytes as if it had not been; a finished one is left as
    it is; restart: neither, it is begun anew. progress: see train/logbook.py. Where the bundle is
    replaced meanwhile, stderr says so in one line and the run goes on with the one it opened. Under
    torchrun every process calls it alike, and the first one writes.

    Raises UserError for a bundle that lacks a dataset or a class, for a shard that is not the
    manifest's or changes under the run's hands, for losses that diverge, and for an unfinished
    training of other settings; stopping.Stopped after a signal to stop, once the state is saved.
    """
    bundle = open_bundle(bundle_folder)
    needed = [*settings.leave_out.sources]
    needed += [settings.leave_out.target] if settings.selection == "target" else []
    protocols.require(needed, bundle.datasets, str(bundle_folder))
    run = Run(run_folder, settings, bundle.hash)
    with (
        ranks.joined(settings.device != "cpu" and torch.cuda.is_available()) as place,
        reproducible(settings, place.local) as device,
        # What a network draws from torch's own generator starts from seeds of ours at each step.
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
    ):
        if not place.first:
            _train(run, bundle, device, place, restart, None)
            return run.model
        with run.alone(), Logbook(run, progress, progress_every) as book:
            _train(run, bundle, device, place, restart, book)
    return run.model


def _train(
    run: Run,
    bundle: Bundle,
    device: torch.device,
    place: Ranks,
    restart: bool,
    book: Logbook | None,
) -> None:
    """What each process does. book: of the first process, which alone reads and writes the run."""
    settings = run.settings
    finished = book is not None and not restart and run.is_finished()
    if ranks.largest(int(finished), place, device):
        return
    with told():
        domains = [Domain(bundle, name) for name in settings.leave_out.sources]
        selection = Selection(bundle, domains, settings)
        sources = data.make_sources(
            domains, settings, selection.left_out, place.rank, place.processes
        )
    per_epoch = max(source.steps for source in sources)
    training = Training(settings, settings.steps or settings.epochs * per_epoch, device, place)
    known = run.unfinished() if book and not restart else None
    known = ranks.from_the_first(known, place, device)
    if known is not None:
        training.restore(checkpoint.read(known, str(run.checkpoints.path)))
    if book:
        watch = Watch(bundle, [shard.path for one in domains for shard in one.shards])
        if known is None:
            run.clear()
        write_json(run.folder / "settings.json", settings_to_dict(settings))
        book.open(training, per_epoch, watch)
    with stopping.on_request() as request:
        loop(training, sources, selection, per_epoch, request, book)


def loop(
    training: Training,
    sources: list[data.Source],
    selection: Selection,
    per_epoch: int,
    request: stopping.Request,
    book: Logbook | None,
) -> None:
    """Train from where the training is to its end. Raises Stopped where that is asked for."""
    settings, steps, device = training.settings, training.steps, training.device
    read = loader.Steps(sources, steps, pinned=device.type == "cuda")
    left = range(training.done, steps)
    with loader.ahead(read.__getitem__, left, settings.prefetch) as draws:
        for drawn, waited in timed(draws):
            step = training.done
            batches = [
                source.finish(raw, step, device) for source, raw in zip(sources, drawn, strict=True)
            ]
            values = training.step(batches)
            if book:
                book.row(values, waited)
                if selection.due(training.done, steps, per_epoch):
                    book.verdict(selection.judge(training.networks), selection.name)
                every = settings.checkpoint_every
                if every and training.done % every == 0 and training.done < steps:
                    book.checkpoint()
            stop = ranks.largest(request.number, training.place, device)
            if stop and training.done < steps:
                if book:
                    book.checkpoint()
                raise stopping.Stopped(stop, f"stopped after step {training.done} of {steps}")
    if book:
        book.model(selection.name)


def timed(items: Iterable[tuple[data.Raw, ...]]) -> Iterator[tuple[tuple[data.Raw, ...], float]]:
    """Each item with the seconds that were spent waiting for it."""
    iterator = iter(items)
    while True:
        began = time.perf_counter()
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item, time.perf_counter() - began
