"""The training run: from settings and a bundle to model.pt, curves.csv and settings.json."""

import csv
import io
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.bundle import Bundle, BundleError
from pipeline.errors import UserError
from pipeline.store import write_json, write_text
from train import checkpoint, data, loader, meta, protocols
from train.config import Settings, settings_to_dict
from train.domain import Domain
from train.model import Networks, make_networks
from train.watch import Watch

Progress = Callable[[dict[str, Any]], None]

COLUMNS = ("step", "epoch", "mining", "learning_rate", "total", *meta.CURVES, "gradient_norm")
"""Of curves.csv, one row a step. A loss that the variant leaves out is empty."""


@contextmanager
def reproducible(settings: Settings) -> Iterator[torch.device]:
    """Set threads and deterministic algorithms for the block; give the device. All is put back."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device is 'cuda', and torch sees no GPU: set it to auto or cpu")
    gpu = settings.device != "cpu" and torch.cuda.is_available()
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    try:
        torch.set_num_threads(settings.threads or threads)
        # Where an operation has no deterministic form (some on a GPU) torch warns and goes on.
        torch.use_deterministic_algorithms(True, warn_only=True)
        memory.fill_uninitialized_memory = False  # nothing here reads what it has not written
        yield torch.device("cuda" if gpu else "cpu")
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        memory.fill_uninitialized_memory = fill


def open_bundle(folder: Path) -> Bundle:
    """Open a bundle; what is wrong with it becomes a UserError."""
    try:
        return Bundle(folder)
    except BundleError as error:
        raise UserError(str(error)) from None


def open_sources(
    bundle: Bundle, protocol: protocols.Protocol, settings: Settings
) -> list[data.Source]:
    """Open the shards of a protocol's sources; one that is not the manifest's is a UserError."""
    try:
        return [data.Source(Domain(bundle, name), settings) for name in protocol.sources]
    except BundleError as error:
        raise UserError(str(error)) from None


def learning_rate(settings: Settings, step: int, steps: int) -> float:
    """Adam's rate at one step, counted from 0."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2


def check_finite(step: int, found: dict[str, float]) -> None:
    """Raise UserError naming the step and the first loss that is not a finite number."""
    for name, value in found.items():
        if not math.isfinite(value):
            raise UserError(
                f"step {step}: {name} is {value}: the training has diverged; "
                "a smaller learning_rate or inner_learning_rate may help"
            )


def gradient_norm(networks: Networks) -> Tensor:
    """L2 norm of the gradients of all parameters together."""
    norms = [p.grad.norm() for p in networks.parameters() if p.grad is not None]
    return torch.stack(norms).norm()


def curves_text(rows: list[dict[str, Any]]) -> str:
    """curves.csv: numbers with nine digits, which hold a float32 without loss."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def train(
    settings: Settings,
    bundle_folder: Path,
    run_folder: Path,
    progress: Progress | None = None,
    progress_every: int = 10,
) -> Path:
    """Train one protocol on a bundle and return the path of run_folder/model.pt.

    Beside it curves.csv (losses of every step; also written when the run stops early) and
    settings.json. progress is called after the first step, every progress_every steps and after
    the last with step, steps, epoch, epochs, the losses, images_per_second and seconds_left.
    Two runs with the same settings on one machine write the same bytes. Where the bundle is
    replaced meanwhile, stderr says so in one line and the run goes on with the one it opened.
    Raises UserError for a bundle that lacks a dataset or a class, for a shard that is not the
    manifest's or changes under the run's hands, and for losses that diverge.
    """
    bundle = open_bundle(bundle_folder)
    protocol = protocols.parse(settings.protocol)
    protocols.require(protocol.sources, bundle.datasets, str(bundle_folder))
    run_folder = Path(run_folder)
    rows: list[dict[str, Any]] = []
    with reproducible(settings) as device:
        sources = open_sources(bundle, protocol, settings)
        shards = [shard.path for source in sources for shard in source.domain.shards]
        watch = Watch(bundle, shards)
        networks = make_networks(settings, torch.Generator().manual_seed(settings.seed))
        networks.to(device)
        (run_folder / "model.pt").unlink(missing_ok=True)  # an older run's, of other settings
        write_json(run_folder / "settings.json", settings_to_dict(settings))
        try:
            done = steps_of(settings, networks, sources, device, progress, progress_every, watch)
            with closing(done):  # the reading thread ends with it, whatever stops the loop
                for row in done:
                    rows.append(row)
        finally:
            write_text(run_folder / "curves.csv", curves_text(rows))
        environment = {
            "torch": str(torch.__version__),
            "device": device.type,
            "threads": torch.get_num_threads(),
        }
    model = checkpoint.Model(
        networks=dict(networks.state_dict()),
        settings=settings,
        protocol=str(protocol),
        bundle=bundle.hash,
        steps=len(rows),
        selection="last",
        environment=environment,
    )
    checkpoint.save(run_folder / "model.pt", model)
    return run_folder / "model.pt"


def steps_of(
    settings: Settings,
    networks: Networks,
    sources: list[data.Source],
    device: torch.device,
    progress: Progress | None,
    progress_every: int,
    watch: Watch,
) -> Generator[dict[str, Any], None, None]:
    """Train `networks` in place, giving the row of curves.csv of each step."""
    steps_per_epoch = max(source.steps for source in sources)
    steps = settings.steps or settings.epochs * steps_per_epoch
    optimizer = torch.optim.Adam(
        networks.parameters(),
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
    )
    networks.train()
    images = settings.batch * len(sources)
    started = time.monotonic()
    read = loader.Steps(sources, steps, pinned=device.type == "cuda")
    with loader.ahead(read.__getitem__, range(steps), settings.prefetch) as draws:
        for step, drawn in enumerate(draws):
            order = data.roles(settings.seed, step, len(sources))
            batches = [sources[i].finish(drawn[i], step, device) for i in order]
            mining = meta.stage(settings, step, steps)
            rate = learning_rate(settings, step, steps)
            values = one_step(networks, optimizer, batches, settings, mining, rate, step)
            epoch = step // steps_per_epoch + 1
            yield {
                "step": step + 1,
                "epoch": epoch,
                "mining": mining.mining if settings.parts.triplet else "",
                "learning_rate": rate,
                **values,
            }
            if step % progress_every and step + 1 < steps:
                continue
            watch.tell()
            if progress:
                epochs = -(-steps // steps_per_epoch)
                counts = {"step": step + 1, "steps": steps, "epoch": epoch, "epochs": epochs}
                speed = pace(step + 1, steps, images, time.monotonic() - started)
                progress({**counts, **values, **speed})


def pace(done: int, steps: int, images: int, seconds: float) -> dict[str, float]:
    """Speed so far and time left; images: of one step."""
    return {
        "images_per_second": done * images / seconds,
        "seconds_left": (steps - done) * seconds / done,
    }


def one_step(
    networks: Networks,
    optimizer: torch.optim.Optimizer,
    batches: list[data.Batch],
    settings: Settings,
    mining: meta.Mining,
    rate: float,
    step: int,
) -> dict[str, float]:
    """Train `networks` by one step, counted from 0; give its losses and the gradient's norm."""
    found = meta.step_losses(networks, batches, settings, mining)
    values = {name: float(value.detach()) for name, value in found.items()}
    check_finite(step + 1, values)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    found["total"].backward()
    values["gradient_norm"] = float(gradient_norm(networks))
    check_finite(step + 1, values)
    optimizer.step()
    return values


def progress_line(state: dict[str, Any]) -> str:
    """One line of a progress report: step, losses, images a second, time left."""
    losses = " ".join(
        f"{name} {state[name]:.3f}" for name in ("total", *meta.CURVES) if name in state
    )
    left = int(state["seconds_left"])
    return (
        f"step {state['step']}/{state['steps']} epoch {state['epoch']}/{state['epochs']}  {losses}"
        f"  {state['images_per_second']:.1f} images/s  {left // 60}:{left % 60:02d} left"
    )
