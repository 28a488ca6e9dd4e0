"""benchmarks/train_step.py sets each configuration beside the baseline."""

import pytest
from made_bundle import make_bundle
from run_benchmark import complaint, figures

QUICK = ("--rounds", "1", "--threads", "1", "--matmul", "256")


@pytest.mark.slow
def test_steps_are_measured_beside_the_baseline(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    names = ("rfmetafas float32", "rfmetafas bfloat16", "ours bfloat16")
    sizes = ("--size", "64", "--width", "0.1", "--images-per-domain", "2", "--waiting-steps", "2")
    options = ("--configurations", ",".join(names), "--profile", "--waiting", bundle)
    found = figures("train_step", *QUICK, *sizes, *options)
    assert list(found["steps"]) == list(found["profile"]) == ["rfmetafas_way", *names]
    steps = found["steps"]
    assert steps["rfmetafas_way"]["times_rfmetafas_way"] == 1
    assert steps["rfmetafas_way"]["gflop"] == steps["rfmetafas float32"]["gflop"]
    assert steps["rfmetafas float32"]["gflop"] < steps["ours bfloat16"]["gflop"]
    assert [step["precision"] for step in steps.values()] == ["float32"] * 2 + ["bfloat16"] * 2
    for step in steps.values():
        assert step["least"] <= step["images_per_second"] <= step["most"]
        assert step["peak_mb"] > 100 and step["utilisation"] > 0
    for operators in found["profile"].values():
        assert 0.5 < sum(one["share"] for one in operators) <= 1.0001
    assert found["waiting"]["steps"] == 2 and 0 <= found["waiting"]["waiting"] <= 1


@pytest.mark.slow
def test_an_unknown_configuration_is_one_line():
    line = complaint("train_step", *QUICK, "--configurations", "ours,float16")
    assert line.startswith("no configuration 'ours'; there are: rfmetafas_way, ")
