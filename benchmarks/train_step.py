"""One full training step at the paper's size, beside the same step done the RFMetaFAS way.

Each configuration runs in a process of its own, so its peak memory is its own; the rounds take them
in turn. Our steps are the trainer's own (train/training.py); the other way is
benchmarks/rfmetafas_way.py with torch's defaults. Operations are counted by torch; utilisation is
over what a large matmul of the same precision reaches on the device. A GPU's figures come from
its own list of configurations, with and without algorithms that repeat bit by bit (free).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import torch

from benchmarks.parts.measuring import machine, ratio
from benchmarks.parts.step_ways import (
    BASELINE,
    CONFIGURATIONS,
    DOMAINS,
    ON_CPU,
    Spent,
    batches,
    operations,
    seconds_of,
    settings_of,
    shares,
    stepper,
)
from pipeline.bundle import Bundle
from train import engine
from train.running.device import reproducible
from train.running.logbook import most_memory
from train.settings import settings_from_dict

NOMINAL = {
    "H200": {"bfloat16": 989e12, "tf32": 495e12, "float32": 67e12},
    "H100": {"bfloat16": 989e12, "tf32": 495e12, "float32": 67e12},
    "A100": {"bfloat16": 312e12, "tf32": 156e12, "float32": 19.5e12},
}
"""Dense operations a second by the data sheets (SXM boards), by a word of torch's name of them."""


def child(name: str, arguments: argparse.Namespace) -> None:
    """Answer each line of the input with one of JSON: `step` or `profile`; first, once ready."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what torch and its compiler print goes elsewhere

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    settings = settings_of(name, arguments)
    gpu = torch.cuda.is_available()
    with ExitStack() as stack:
        if name == BASELINE:
            device = torch.device("cuda" if gpu else "cpu")
            torch.set_num_threads(arguments.threads or torch.get_num_threads())
        else:
            device = stack.enter_context(reproducible(settings))
        step, in_force = stepper(name, settings, device)
        domains = batches(arguments.images_per_domain, arguments.size, device)
        # A CPU only has to have its libraries loaded; a compiler needs the size that will come.
        full = gpu or settings.compile
        step(domains if full else batches(2, 64, device))
        answer({"in_force": in_force, "threads": torch.get_num_threads()})
        for line in sys.stdin:
            if line.strip() == "profile":
                answer({"operators": shares(lambda: step(domains), device)})
            else:
                if gpu:
                    step(domains)  # its memory was given back
                spent = [seconds_of(lambda: step(domains), device) for _ in range(arguments.steps)]
                middle = Spent(*(statistics.median(each) for each in zip(*spent, strict=True)))
                answer({**middle._asdict(), "peak": most_memory(device)})
            if gpu:
                torch.cuda.empty_cache()  # the others need it


class Child:
    """The process of one configuration."""

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        self.name = name
        numbers = {
            "images-per-domain": arguments.images_per_domain,
            "size": arguments.size,
            "width": arguments.width,
            "steps": arguments.steps,
            "threads": arguments.threads,
        }
        options = [f"--{key}={value}" for key, value in numbers.items()]
        command = [sys.executable, "-W", "ignore", __file__, "--child", name, *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line; a process that has ended says why on its stderr."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: its process ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, what: str) -> dict[str, Any]:
        """Send one line and wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


def peaks(device: torch.device, side: int) -> dict[str, float]:
    """Operations a second of one side x side matmul, the best of six, by precision."""
    kinds = [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
    kinds += [("tf32", torch.float32)] * (device.type == "cuda")
    rates = {}
    for name, kind in kinds:
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        a, b = (torch.rand(side, side, device=device).to(kind) for _ in range(2))
        best = min(seconds_of(lambda a=a, b=b: a @ b, device).seconds for _ in range(6))
        rates[name] = 2 * side**3 / best
    torch.backends.cuda.matmul.allow_tf32 = False
    return rates


def precision_of(in_force: dict[str, Any]) -> str:
    """By which peak a configuration is measured: that of its convolutions."""
    if in_force.get("precision") == "bfloat16":
        return "bfloat16"
    gpu = torch.cuda.is_available()
    return "tf32" if gpu and in_force.get("tf32", in_force.get("cudnn_allow_tf32")) else "float32"


def figures_of(
    process: Child, rounds: list[dict[str, Any]], flop: int, best: dict[str, float], images: int
) -> dict[str, Any]:
    """The figures of one configuration over its rounds."""
    seconds = [one["seconds"] for one in rounds]
    rates = sorted(images / one for one in seconds)
    precision = precision_of(process.about["in_force"])
    speed = flop / statistics.median(seconds)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    nominal = next((v for word, v in NOMINAL.items() if word in gpu), {})
    over = {"utilisation": best} | ({"utilisation_of_nominal": nominal} if nominal else {})
    return {
        "images_per_second": round(statistics.median(rates), 3),
        "least": round(rates[0], 3),
        "most": round(rates[-1], 3),
        "seconds": [round(one, 4) for one in seconds],
        "cpu_seconds": [round(one["cpu_seconds"], 4) for one in rounds],
        "peak_mb": round(max(one["peak"] for one in rounds) / 1e6),
        "gflop": round(flop / 1e9, 1),
        "gflop_per_second": round(speed / 1e9, 1),
        "precision": precision,
        **{name: round(speed / peak[precision], 3) for name, peak in over.items()},
        **process.about,
    }


def compared(names: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all configurations in turn, round by round, and set each beside the baseline."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, best = DOMAINS * arguments.images_per_domain, dict[str, float]()
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    profiles: dict[str, Any] = {}
    with ExitStack() as stack:
        processes = {name: Child(name, arguments) for name in names}
        for process in processes.values():
            stack.callback(process.close)
        for _ in range(arguments.rounds):
            for name, process in processes.items():
                for kind, peak in peaks(device, arguments.matmul).items():
                    best[kind] = max(peak, best.get(kind, 0))
                rounds[name].append(process.ask("step"))
        steps = {
            name: figures_of(process, rounds[name], operations(name, arguments), best, images)
            for name, process in processes.items()
        }
        if arguments.profile:
            profiles["profile"] = {n: p.ask("profile")["operators"] for n, p in processes.items()}
    for name, figures in steps.items():
        for kind in ["seconds"] + ["cpu_seconds"] * (device.type == "cpu"):
            # the second tells more where others use the cores too
            others, own = ([one[kind] for one in rounds[of]] for of in (BASELINE, name))
            end = "_by_cpu_time" if kind == "cpu_seconds" else ""
            figures[f"times_{BASELINE}{end}"] = round(ratio(others, own), 3)
    rates = {name: round(value / 1e9, 1) for name, value in best.items()}
    return {"matmul_gflop_per_second": rates, "steps": steps, **profiles}


def waiting(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a few steps on a bundle; the share of the time that went by waiting for samples."""
    sources = Bundle(folder).datasets[:DOMAINS]
    keys = {
        "protocol": f"{'&'.join(sources)} to none",
        "steps": arguments.waiting_steps,
        "batch": arguments.images_per_domain,
        "width": arguments.width,
        "input_size": arguments.size,
        "precision": "bfloat16",
        "tensorboard": False,
    }
    settings = settings_from_dict(keys, "--waiting")
    states: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        engine.train(settings, folder, Path(temporary), states.append)
    names = ("steps", "images_per_second", "waiting")
    return {"sources": list(sources), **{name: states[-1][name] for name in names}}


def command_line() -> argparse.Namespace:
    """What the command line says, with what the device suggests for the rest."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = 20 if gpu else 4
    parser.add_argument("--images-per-domain", type=int, default=usual, help=f"({usual})")
    parser.add_argument("--rounds", type=int, default=5 if gpu else 2)
    parser.add_argument("--steps", type=int, default=5 if gpu else 1, help="timed ones a round")
    parser.add_argument("--configurations", help="names joined by commas, the baseline besides")
    parser.add_argument("--profile", action="store_true", help="one more step each: its operators")
    parser.add_argument("--waiting", type=Path, metavar="BUNDLE", help="train on it and tell")
    parser.add_argument("--waiting-steps", type=int, default=200 if gpu else 6)
    parser.add_argument("--size", type=int, default=256, help="side of the images (256)")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: torch's number")
    parser.add_argument("--matmul", type=int, default=8192 if gpu else 2048, help="side")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure and print one JSON object."""
    arguments = command_line()
    if arguments.child:
        return child(arguments.child, arguments)
    gpu = torch.cuda.is_available()
    usual = ",".join(CONFIGURATIONS if gpu else ON_CPU)
    names = list(dict.fromkeys([BASELINE, *(arguments.configurations or usual).split(",")]))
    if unknown := [name for name in names if name not in CONFIGURATIONS]:
        raise SystemExit(f"no configuration '{unknown[0]}'; there are: {', '.join(CONFIGURATIONS)}")
    about = {
        **machine(),
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "threads": arguments.threads or torch.get_num_threads(),
        "images_per_domain": arguments.images_per_domain,
        "domains": DOMAINS,
        "size": arguments.size,
        "width": arguments.width,
    }
    figures = compared(names, arguments)
    if arguments.waiting:
        figures["waiting"] = waiting(arguments.waiting, arguments)
    print(json.dumps({"about": about, **figures}, indent=1))


if __name__ == "__main__":
    main()
