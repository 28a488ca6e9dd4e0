"""One step of training, and all that it changes: networks, optimizer, curves, the best state."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipeline.errors import UserError
from train import methods
from train.batches.data import Batch
from train.batches.streams import seed_of
from train.config import Settings
from train.optimizer import learning_rate, make_optimizer, set_rate
from train.running import checkpoint, ranks, speed
from train.running.ranks import Process
from train.running.selection import Verdict


class Best(NamedTuple):
    """The best state so far: after how many steps, how good it is, the networks' state dict."""

    steps: int
    verdict: Verdict
    networks: dict[str, Tensor]


class Training:
    """Networks and optimizer of one run, its curves and its best state, after `done` of `steps`.

    curves, verdicts: the lines of curves.csv and selection.csv so far. in_force: which precision,
    layout and compilation train/running/speed.py has put on the networks. Raises UserError where
    the settings ask for one that the device cannot give.
    """

    def __init__(
        self, settings: Settings, steps: int, device: torch.device, process: Process
    ) -> None:
        self.settings, self.steps, self.device, self.process = settings, steps, device, process
        self.method = methods.METHODS[settings.method]
        self.networks = methods.make(settings, len(settings.sources)).to(device)
        self.optimizer = make_optimizer(self.networks, settings)
        self.done = 0
        self.images = 0  # that all processes have seen since this began or went on
        self.curves: list[str] = []
        self.verdicts: list[str] = []
        self.best: Best | None = None
        self.in_force = speed.prepare(self.networks, settings, device)
        self.networks.train()

    def step(self, domains: Sequence[Batch]) -> dict[str, float]:
        """Train by one step and return its losses, `total` among them, and `gradient_norm`.

        domains: one batch a source, in the protocol's order. The losses are the method's
        (train/methods.py), the paper's those of train/meta.py. Raises DivergedError where a number
        is not finite; then no parameter has moved.
        """
        settings, step = self.settings, self.done
        # Whatever a network draws from torch is the same when a run goes on from a checkpoint.
        torch.manual_seed(seed_of(settings.seed, "torch", self.process.rank, step))
        losses = self.method.losses(self.networks, domains, settings, step, self.steps)
        self.optimizer.zero_grad()
        losses["total"].backward()
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        ranks.average([*ranks.shared_state(self.networks), values], self.process)
        values = torch.cat([values, self.gradient_norm()[None]])
        # One copy from the device, which waits for all that it still has to do.
        numbers = dict(zip([*losses, "gradient_norm"], values.tolist(), strict=True))
        check_finite(step + 1, numbers)
        set_rate(self.optimizer, learning_rate(settings, step, self.steps))
        self.optimizer.step()
        self.done += 1
        self.images += sum(len(batch.images) for batch in domains) * self.process.world_size
        return numbers

    def gradient_norm(self) -> Tensor:
        """L2 norm of the gradients of all parameters together, a float32 scalar."""
        gradients = [p.grad for p in self.networks.parameters() if p.grad is not None]
        return torch.nn.utils.get_total_norm(gradients).float()

    def check_parameters(self) -> None:
        """Raise DivergedError where a parameter or running statistic is not finite.

        What the last step has done shows in no loss.
        """
        state = self.networks.state_dict()
        state = {name: value for name, value in state.items() if value.is_floating_point()}
        finite = torch.stack([value.isfinite().all() for value in state.values()])
        if not bool(finite.all()):
            name = list(state)[int(finite.int().argmin())]
            raise DivergedError(self.done, f"parameter {name}", math.nan)

    def environment(self) -> dict[str, Any]:
        """What the numbers depend on besides the settings, as model.pt and results.json say it."""
        return {
            "torch": str(torch.__version__),
            "device": self.device.type,
            "threads": torch.get_num_threads(),
            "processes": self.process.world_size,
            **self.in_force,
        }

    def state(self) -> dict[str, Any]:
        """What going on from here needs, besides the networks: `training` of a checkpoint.Model."""
        best = self.best
        return {
            "optimizer": self.optimizer.state_dict(),
            "curves": "".join(self.curves),
            "verdicts": "".join(self.verdicts),
            "best": None
            if best is None
            else {"steps": best.steps, "verdict": list(best.verdict), "networks": best.networks},
        }

    def restore(self, model: checkpoint.Model) -> None:
        """Go on from what a checkpoint holds.

        Raises UserError where it holds no training, or one of another number of steps.
        """
        if model.training is None or model.all_steps != self.steps:
            raise UserError(
                f"the checkpoint is of a training of {model.all_steps} steps, and this one has"
                f" {self.steps}: begin anew with --restart"
            )
        self.networks.load_state_dict(model.networks)
        self.optimizer.load_state_dict(model.training["optimizer"])
        self.done = model.steps
        self.curves = model.training["curves"].splitlines(keepends=True)
        self.verdicts = model.training["verdicts"].splitlines(keepends=True)
        best = model.training["best"]
        if best is not None:
            self.best = Best(best["steps"], Verdict(*best["verdict"]), best["networks"])


class DivergedError(UserError):
    """A number that is not finite: nothing of this state is worth keeping."""

    def __init__(self, step: int, name: str, value: float) -> None:
        super().__init__(
            f"step {step}: {name} is {value}: the training has diverged; "
            "a smaller learning_rate, inner_learning_rate or loss weight may help"
        )


def check_finite(step: int, values: dict[str, float]) -> None:
    """Raise DivergedError naming the step and the first loss that is not a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise DivergedError(step, name, value)
