"""Parsing by BiSeNet: how fast each way of running it is, and how far its classes agree.

Each route takes photographs of 512 x 512 one by one, from bytes to the number of each pixel's
class, on one core; the routes take turns, and `times_torch` is the median of paired ratios to
`torch`, which is plain torch: batch 1, float32, logits enlarged and compared. `agreement` is the
share of pixels that get the same class as by plain torch. Weights that were never trained, which
are taken where no file is given, leave more pixels undecided than trained ones, so what rounding
changes is overstated then. Where there is CUDA, its figures stand beside.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # one core

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.parts.made_bisenet import made_network
from benchmarks.parts.measuring import ratio
from labels.backends import PARSING
from labels.parsing import runtimes
from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.by_torch import Torch
from labels.parsing.networks import SIDE, normalised
from pipeline.errors import UserError

Route = Callable[[np.ndarray], np.ndarray]

PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "A10": 125.0, "L40": 181.0, "L4": 121.0}
"""TFLOP/s in bfloat16 without sparsity, by a part of the device's name, as their makers say."""


def photographs(folder: Path | None) -> list[np.ndarray]:
    """Pictures (512, 512, 3) uint8 RGB: those of a folder, or three that scikit-image has."""
    if folder is None:
        from skimage import data

        images = [data.astronaut(), data.chelsea(), data.coffee()]
    else:
        read = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
        images = [image[..., ::-1] for image in read if image is not None]
        if not images:
            sys.exit(f"{folder}: no picture is here")
    size = (SIDE, SIDE)
    return [
        cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
        for image in images
    ]


def flops(network: BiSeNet) -> int:
    """Of the convolutions of one picture; a multiplication and an addition are two."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, SIDE, SIDE))
    return counter.get_total_flops()


def plain_torch(network: BiSeNet) -> Route:
    """The original's way."""

    @torch.inference_mode()
    def route(picture: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(normalised(picture)))[0].argmax(0).to(torch.uint8).numpy()

    return route


def all_routes(path: Path, load: Callable[[], BiSeNet]) -> tuple[dict[str, Route], dict[str, str]]:
    """The routes on the processor by name, and why others are missing."""
    routes, missing = {"torch": plain_torch(load())}, {}
    wanted = [(name, "float32") for name in ("torch", "ncnn", "onnxruntime", "openvino")]
    wanted += [("openvino", "bfloat16"), ("torch", "bfloat16")]
    for runtime, precision in wanted:
        name = f"{'torch channels last' if runtime == 'torch' else runtime} {precision}"
        try:
            runtimes.chosen(path, runtime, precision)
        except UserError as error:
            missing[name] = str(error)
            continue
        if runtime == "torch":
            network: Any = Torch(load(), precision, 1, "cpu")
        else:
            network = runtimes.from_network(load(), runtime, precision, 1)
        routes[name] = lambda picture, run=network: run([picture])[0]
    return routes, missing


def measured(routes: dict[str, Route], pictures: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Figures by route."""
    answers = {name: [route(picture) for picture in pictures] for name, route in routes.items()}
    seconds: dict[str, list[float]] = {name: [] for name in routes}
    for _ in range(rounds):
        for picture in pictures:
            for name, route in routes.items():
                started = time.perf_counter()
                route(picture)
                seconds[name].append(time.perf_counter() - started)
    plain = seconds["torch"]
    return {
        name: {
            "seconds": round(statistics.median(taken), 4),
            "fastest_s": round(min(taken), 4),
            "crops_a_second": round(1 / statistics.median(taken), 2),
            "times_torch": round(ratio(plain, taken), 3),
            "agreement": round(
                float(
                    np.mean([a == b for a, b in zip(answers[name], answers["torch"], strict=True)])
                ),
                6,
            ),
        }
        for name, taken in seconds.items()
    }


def on_cuda(network: BiSeNet, pictures: list[np.ndarray], plain: Route, work: int) -> Any:
    """Crops a second on CUDA in bfloat16, transfers included and the network alone."""
    if not torch.cuda.is_available():
        return "torch sees no CUDA here"
    batch = PARSING["bisenet"].batch
    run = Torch(network, "bfloat16", batch, "cuda")
    many = [pictures[i % len(pictures)] for i in range(batch)]
    figures: dict[str, Any] = {"device": torch.cuda.get_device_name(), "batch": batch}
    for name, call in (("whole", run), ("network", run.coarse)):
        for _ in range(3):
            call(many)
        torch.cuda.synchronize()
        started, times = time.perf_counter(), 20
        for _ in range(times):
            call(many)
        torch.cuda.synchronize()
        figures[f"{name}_crops_a_second"] = round(
            times * batch / (time.perf_counter() - started), 1
        )
    done = figures["network_crops_a_second"] * work / 1e12
    peak = next((peak for part, peak in PEAKS.items() if part in figures["device"]), None)
    figures["network_tflops"] = round(done, 2)
    figures["share_of_peak"] = round(done / peak, 4) if peak else "peak not known"
    answers = run(pictures)
    figures["agreement"] = float(
        np.mean([plain(a) == b for a, b in zip(pictures, answers, strict=True)])
    )
    return figures


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="a name of ocim weights, or a .pth or .safetensors file")
    parser.add_argument("--pictures", type=Path, help="folder of photographs")
    parser.add_argument("--rounds", type=int, default=4, help="times each picture is taken (4)")
    arguments = parser.parse_args()
    path = Path("made")
    if arguments.weights:
        from labels.weights import find

        path = find(arguments.weights)
        if path.suffix == ".onnx":
            sys.exit(f"{path}: plain torch cannot run it, so there is nothing to compare with")

    def load() -> BiSeNet:
        return runtimes.read(path, 19) if arguments.weights else made_network()

    pictures = photographs(arguments.pictures)
    load_before = round(os.getloadavg()[0], 2)
    routes, missing = all_routes(path, load)
    figures = measured(routes, pictures, arguments.rounds)
    work = flops(load())
    about = {
        "weights": arguments.weights or "made by chance, never trained",
        "pictures": len(pictures),
        "rounds": arguments.rounds,
        "threads": 1,
        "gflop_a_crop": round(work / 1e9, 2),
        "auto": " ".join(runtimes.chosen(path, "auto", "auto")),
        "load_before": load_before,
        "machine": platform.machine(),
        "bfloat16_by_processor": runtimes.openvino_has_bfloat16(),
    }
    cuda = on_cuda(load(), pictures, routes["torch"], work)
    print(
        json.dumps({"about": about, "routes": figures, "missing": missing, "cuda": cuda}, indent=1)
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
