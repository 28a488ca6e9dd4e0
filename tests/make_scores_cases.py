"""Writes tests/scores_cases.json: made scores, and what two programs of others say of them.

    python tests/make_scores_cases.py SSDG/utils/statistic.py > tests/scores_cases.json

Needs bob-measure 6.1.1 (BSD-3; with numpy, numba and scipy it runs without its other requirements)
and the file of that name of SSDG's released code (taylover-pei/SSDG-CVPR2020 at 6055478); neither
is part of this program. bob's EER threshold lies between two scores and its ties are decided by
rounding, so only the rates there are kept, of cases where no second threshold is as good.
"""

import importlib.util
import json
import sys
from fractions import Fraction
from typing import Any

import bob.measure
import numpy as np

SEED = 20
CASES = 24


def is_single(live: np.ndarray, spoof: np.ndarray) -> bool:
    """Whether FAR and FRR are closest in one way alone."""
    found: dict[Fraction, set[tuple[Fraction, Fraction]]] = {}
    for threshold in [*np.concatenate([live, spoof]), np.inf]:
        far = Fraction(int((spoof >= threshold).sum()), len(spoof))
        frr = Fraction(int((live < threshold).sum()), len(live))
        found.setdefault(abs(far - frr), set()).add((far, frr))
    return len(found[min(found)]) == 1


def case(number: int, random: np.random.Generator, ssdg: Any) -> dict[str, Any]:
    """One case: few or many scores in [0, 1], with many, few or no ties."""
    digits = (1, 2, 4, 17)[number % 4]
    sizes = random.integers(1, 60, size=2)
    live = np.round(random.beta(3, 2, sizes[0]), digits)
    spoof = np.round(random.beta(2, 3, sizes[1]), digits)
    scores, labels = np.append(live, spoof), np.repeat([1, 0], sizes)
    thresholds = [0.0, 0.25, 0.5, float(scores[0]), float(scores[-1]), 1.0]
    threshold = bob.measure.eer_threshold(spoof, live)
    eer, at, _, _ = ssdg.get_EER_states(scores, labels)
    return {
        "live": live.tolist(),
        "spoof": spoof.tolist(),
        "thresholds": thresholds,
        "bob_farfrr": [[float(x) for x in bob.measure.farfrr(spoof, live, t)] for t in thresholds],
        "bob_at_eer": [float(x) for x in bob.measure.farfrr(spoof, live, threshold)]
        if is_single(live, spoof)
        else None,
        "ssdg_threshold": float(at),
        "ssdg_eer": float(eer),
        "ssdg_hter": float(ssdg.get_HTER_at_thr(scores, labels, at)),
    }


def main() -> None:
    """Print the file."""
    spec = importlib.util.spec_from_file_location("statistic", sys.argv[1])
    assert spec is not None
    assert spec.loader is not None
    ssdg = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ssdg)
    random = np.random.default_rng(SEED)
    made = {
        "made_by": "tests/make_scores_cases.py",
        "bob": "bob-measure 6.1.1: farfrr, eer_threshold",
        "ssdg": "taylover-pei/SSDG-CVPR2020 at 6055478, utils/statistic.py: get_EER_states,"
        " get_HTER_at_thr",
        "cases": [case(number, random, ssdg) for number in range(CASES)],
    }
    lines = [f"{json.dumps(key)}: {json.dumps(made[key])}" for key in ("made_by", "bob", "ssdg")]
    cases = ",\n".join(json.dumps(one) for one in made["cases"])
    print("{" + ",\n".join(lines) + ',\n"cases": [\n' + cases + "\n]}")


if __name__ == "__main__":
    main()
