"""The numbers of one step beside those of the methods' released code, and what the script reads."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_benchmark import ended

from benchmarks.parts.case import Case
from benchmarks.reference_step import METHODS, main
from pipeline.errors import UserError

torch.set_num_threads(1)  # networks this small only wait for a second thread on busy cores

SMALL = {"width": 0.05, "input_size": 64}

CASES: dict[str, dict[str, Any]] = {
    "rfmetafas": {"seed": 4, "B": 1, "meta_step_size": 0.01, "W_depth": 3.0, "W_metatest": 0.5},
    "ssdg": {
        **{"seed": 4, "B": 2, "iteration": 700, "max_iter": 900, "dropout": "identity"},
        **{"lambda_triplet": 2.0, "lambda_adreal": 0.25, "margin": 0.3},
    },
    "ssan": {"seed": 4, "B": 1, "rand_idx": [2, 3, 0, 1, 5, 4]},
}
Small = Callable[..., dict[str, Any]]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """Runs a method's step on small networks; changes: of its case above."""

    def run(method: str, **changes: Any) -> dict[str, Any]:
        path = tmp_path / "case.json"
        path.write_text(json.dumps({**CASES[method], **changes}), "utf-8")
        return METHODS[method](Case(path, **SMALL))

    return run


def close(found: Any, expected: Any, relative: float, where: str = "") -> int:
    """Compare all numbers of a case; gradients that are rounding are left out. How many were."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        pairs = [(f"{where}/{key}", found[key], value) for key, value in expected.items()]
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        pairs = [(f"{where}/{i}", found[i], value) for i, value in enumerate(expected)]
    elif isinstance(expected, float) and where.startswith("/grad_norm") and expected < 1e-9:
        return 0
    else:
        exact = not isinstance(expected, float)
        assert found == (expected if exact else pytest.approx(expected, relative, 1e-14)), where
        return 1
    return sum(close(f, e, relative, name) for name, f, e in pairs)


def falsified(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, dict):
        return {key: falsified(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [falsified(inside) for inside in value]
    return 7.5 if isinstance(value, float) else value


PARAMETERS = {
    *("seed", "B", "iteration", "max_iter", "margin", "lambda_triplet", "lambda_adreal"),
    *("meta_step_size", "W_depth", "W_metatest", "dropout", "rand_idx"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "entry", "relative", "least"),
    [("rfmetafas", None, 1e-6, 50), ("ssdg", "b1", 1e-8, 200), ("ssan", None, 1e-6, 250)],
)
def test_the_command_gives_every_number_of_the_reference_case_and_reads_none(
    method: str, entry: str | None, relative: float, least: int, reference: Any, tmp_path: Path
):
    whole = reference(f"{method}_step")
    case = whole if entry is None else whole[entry]
    # The command is given a copy in which all that it has to find is wrong.
    false = {k: v if k in PARAMETERS else falsified(v) for k, v in case.items()}
    path = tmp_path / "false.json"
    path.write_text(json.dumps(false if entry is None else {entry: false, "seed": 0}), "utf-8")
    options = ["--entry", entry] if entry else []
    done = ended("reference_step", "--method", method, "--case", path, *options)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    compared = close(json.loads(done.stdout), case, relative)
    assert compared >= least


@pytest.mark.slow
def test_total_losses_have_the_weights_of_the_case(small: Small):
    found = small("rfmetafas")
    train = found["loss_cls_train"] + 3 * found["loss_dep_train"]
    test = found["loss_cls_test"] + 3 * found["loss_dep_test"]
    assert found["loss_all"] == pytest.approx(train + 0.5 * test)
    found = small("ssdg")
    weighted = found["cls_loss"] + 2 * found["triplet_loss"] + 0.25 * found["real_adloss"]
    assert found["total_loss"] == pytest.approx(weighted)
    found = small("ssan")
    parts = found["map_loss"] + found["contrast_loss"] + found["adv_loss"]
    assert found["loss_all"] == pytest.approx(parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes", "moved", "stays"),
    [
        ("rfmetafas", {"meta_step_size": 0.0}, "loss_cls_test", "loss_cls_train"),
        ("rfmetafas", {"seed": 5}, "loss_cls_train", "W_depth"),
        ("ssdg", {"margin": 0.0}, "triplet_loss", "cls_loss"),
        ("ssdg", {"seed": 5}, "cls_loss", "margin"),
        ("ssdg", {"lambda_adreal": 1.0}, "total_loss", "real_adloss"),
        ("ssan", {"rand_idx": [1, 0, 2, 3, 4, 5]}, "contrast_loss", "map_loss"),
        ("ssan", {"B": 2, "rand_idx": [*range(12)]}, "map_loss", "seed"),
    ],
)
def test_each_parameter_acts_where_it_should(
    small: Small, method: str, changes: dict[str, Any], moved: str, stays: str
):
    before, after = small(method), small(method, **changes)
    assert after[moved] != pytest.approx(before[moved], rel=1e-9)
    assert after[stays] == before[stays]
    assert {key: after[key] for key in changes} == changes


def test_the_reversal_is_that_of_the_iteration(small: Small):
    key = "adloss_grad_at_live_embeddings_first8"
    found = {t: small("ssdg", iteration=t) for t in (1, 700)}
    factor = {t: math.tanh(5 * t / 900) for t in found}
    for t, values in found.items():
        assert values["grl_coefficient"] == pytest.approx(factor[t])
    gradients = {t: np.array(values[key]) for t, values in found.items()}
    assert gradients[700].any()
    np.testing.assert_allclose(gradients[1] / factor[1], gradients[700] / factor[700], rtol=1e-9)
    # the discriminator's own gradient does not know the reversal
    name = "ad_net_real.fc2.weight"
    norms = [values["grad_norm"][name] for values in found.values()]
    assert norms[0] == pytest.approx(norms[1], rel=1e-12)


def test_triplets_are_counted(small: Small):
    # B = 2: six live, two spoofs in each of three classes. A live anchor has 5 positives and 6
    # negatives, a spoof 1 positive and 10 negatives.
    terms = small("ssdg", margin=50.0)["triplet_terms"]
    assert terms == {"valid": 6 * 5 * 6 + 6 * 1 * 10, "positive": 6 * 5 * 6 + 6 * 1 * 10}


@pytest.mark.parametrize("method", CASES)
def test_what_is_found_has_the_names_of_the_reference_case(method: str, small: Small, reference):
    found, case = small(method), reference(f"{method}_step")
    assert set(found) == set(case) - {"b1"}
    for key in ("grad_norm", "buffer_norm_after"):
        assert set(found.get(key, {})) == set(case.get(key, {})), key
    without = {name for name, norm in case["grad_norm"].items() if norm is None}
    assert {name for name, norm in found["grad_norm"].items() if norm is None} == without


def run_main(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    size = ["--width", "0.05", "--input-size", "64"]
    monkeypatch.setattr(sys, "argv", ["reference_step.py", *options, *size])
    return main()


def test_the_output_has_the_cases_own_keys(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    path = tmp_path / "case.json"
    inner = {**CASES["ssdg"], "B": 1, "cls_loss": -1.0}
    case = {**CASES["ssdg"], "total_loss": -1.0, "b1": inner, "remark": "of another machine"}
    path.write_text(json.dumps(case), "utf-8")
    assert run_main(monkeypatch, "--method", "ssdg", "--case", str(path)) == 0
    printed = capsys.readouterr()
    assert list(json.loads(printed.out)) == [*CASES["ssdg"], "total_loss"]
    assert printed.err == f"{path}: not known, left out: remark\n"
    options = ("--method", "ssdg", "--case", str(path), "--entry", "b1")
    assert run_main(monkeypatch, *options) == 0
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)) == set(inner)
    assert not printed.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "not a readable JSON file"),
        ("{", "not a readable JSON file"),
        ("[1]", "not a case: expected a JSON object"),
        ("{}", "the case lacks 'seed', a whole number of at least 0"),
        ('{"seed": 1, "B": 0}', "B: expected a whole number of at least 1, found 0"),
        ('{"seed": 1, "B": true}', "B: expected a whole number of at least 1, found True"),
        ('{"seed": 1, "B": 1, "rand_idx": [0]}', "rand_idx: expected every number from 0 to 5"),
        ('{"seed": 1, "B": 1, "rand_idx": 3}', "rand_idx: expected a list of whole numbers"),
    ],
)
def test_a_wrong_file_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    text: str | None,
    says: str,
):
    path = tmp_path / "case.json"
    if text is not None:
        path.write_text(text, "utf-8")
    assert run_main(monkeypatch, "--method", "ssan", "--case", str(path)) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith(f"{path}: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("method", "key", "value"),
    [
        ("ssdg", "dropout", 0.5),
        ("ssdg", "iteration", 0),
        ("ssdg", "margin", math.inf),
        ("ssdg", "lambda_adreal", "half"),
        ("rfmetafas", "W_depth", -1),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused(
    small: Small, method: str, key: str, value: Any
):
    with pytest.raises(UserError, match=rf"{key}: expected .*found"):
        small(method, **{key: value})
