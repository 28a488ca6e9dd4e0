"""A trained model as an ONNX file: its scores, its metadata, and what is refused."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from command_line import in_process
from made_bundle import make_bundle
from made_predict import THRESHOLD, made_model, write_model

from pipeline.bundle import CLASS_NAMES
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from pipeline.onnx import check as export_check
from pipeline.onnx.check import Check, batches, check, fixed_crops
from pipeline.onnx.export import export_onnx, metadata
from pipeline.onnx.graph import exported, reduction
from train.batches import pixels
from train.methods import METHODS

ocim = partial(in_process, "export-onnx")


def session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A model, its export, and what was printed."""
    place = tmp_path_factory.mktemp("exported")
    model = write_model(place / "model.pt")
    done = ocim(model, "-o", place / "model.onnx")
    assert done.exit_code == 0, done.output
    return model, place / "model.onnx", done.output


@pytest.mark.parametrize("size", range(64, 257, 16))
def test_the_reduction_rounds_as_torchs_does_at_every_size(size):
    random = np.random.default_rng(size)
    pictures = random.integers(0, 256, (2, 256, 256, 3), np.uint8)
    pictures[1] = random.integers(120, 123, (256, 256, 3))  # nearly grey
    rgb = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(reduction(size)(rgb), pixels.reduce_by_area(rgb, size))


QUICK: list[dict[str, Any]] = [
    {"input_size": 64},
    {"variant": "ssdg", "input_size": 112},
    {"variant": "ssan", "input_size": 64},
]
SLOW: list[dict[str, Any]] = [
    {"input_size": 64, "hsv": "rounded"},
    {"input_size": 96, "hsv": "rounded"},
    {"input_size": 112},
    {"input_size": 128},
    {"input_size": 240, "hsv": "rounded"},
    {"input_size": 256},
    {"variant": "without_parsing", "input_size": 80},
    {"variant": "without_asc", "input_size": 64},
    {"variant": "rfmetafas", "input_size": 64},
    {"variant": "ssdg", "input_size": 256},
    {"variant": "ssan", "input_size": 96},
]


@pytest.mark.parametrize(
    "stated", [*QUICK, *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW)], ids=str
)
def test_onnx_runtime_scores_as_the_method_does(stated):
    model = made_model(**stated)
    networks, settings = model.build(), model.settings
    proto = exported(networks, settings)
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} == {""}  # ONNX's own operators alone
    data = proto.SerializeToString(deterministic=True)
    assert data == exported(networks, settings).SerializeToString(deterministic=True)
    crops = np.concatenate([those[:2] for those in fixed_crops().values()])
    run = session(data)
    with torch.inference_mode():
        inputs = pixels.to_input(
            torch.from_numpy(crops), settings.input_size, settings.colours, settings.hsv
        )
        right = METHODS[settings.method].score(networks, inputs).numpy()
    assert np.ptp(right) > 0.001
    for many in (1, 5, len(crops)):
        (scores,) = run.run(None, {"crops": crops[:many]})
        assert (scores.dtype, scores.shape) == (np.float32, (many,))
        assert np.abs(scores - right[:many]).max() < 1e-5


def test_the_file_takes_any_number_of_crops_as_they_are(file):
    run = session(file[1].read_bytes())
    (one,), (other,) = run.get_inputs(), run.get_outputs()
    assert (one.name, one.type, one.shape) == ("crops", "tensor(uint8)", ["n", 256, 256, 3])
    assert (other.name, other.type, other.shape) == ("scores", "tensor(float)", ["n"])


def test_the_metadata_say_what_a_user_needs(file):
    model, out, _ = file
    about = session(out.read_bytes()).get_modelmeta().custom_metadata_map
    assert float(about["threshold_frame"]) == THRESHOLD["frame"]
    assert float(about["threshold_video"]) == THRESHOLD["video"]
    assert [about[f"threshold_{key}"] for key in ("rule", "how", "from")] == [
        THRESHOLD[key] for key in ("rule", "how", "from")
    ]
    assert json.loads(about["crop"]) == {
        "landmarks": "embedded", "mode": "box", "margin": 1.4, "shift": 0.0
    }  # fmt: skip
    assert json.loads(about["parsing_classes"]) == list(CLASS_NAMES)
    assert (about["protocol"], about["variant"], about["steps"]) == ("O&C to M", "ours", "7")
    assert (about["bundle"], about["model_sha256"]) == ("0" * 64, sha256_file(model))
    assert about["ocim"] and "no proof" in about["warning"]
    assert "higher is live" in about["score"]


def test_a_checkpoint_says_that_it_has_no_threshold():
    words = metadata(made_model({"threshold": None, "crop": {}}), "0" * 64)
    assert (words["threshold_frame"], words["threshold_video"]) == ("", "")
    assert (words["threshold_rule"], words["crop"]) == ("none", "{}")


def test_the_same_model_gives_the_same_bytes_and_the_check_is_told(file, tmp_path):
    model, out, told = file
    export_onnx(model, tmp_path / "again.onnx", None)
    assert (tmp_path / "again.onnx").read_bytes() == out.read_bytes()
    assert told.startswith("ONNX Runtime and torch differ by ")
    assert told.endswith(f"{out}: written\n")


@pytest.mark.slow
def test_where_scores_differ_nothing_is_written_and_the_exit_code_is_1(file, tmp_path, monkeypatch):
    monkeypatch.setattr(export_check, "TOLERANCE", -1.0)
    kept = tmp_path / "model.onnx"
    kept.write_text("what was there")
    done = ocim(file[0], "-o", kept)
    assert done.exit_code == 1 and f"{kept}: not written" in done.output
    assert kept.read_text() == "what was there" and list(tmp_path.iterdir()) == [kept]


@pytest.mark.slow
def test_the_check_finds_a_graph_of_other_weights_also_where_every_score_is_one():
    right, wrong = made_model(), made_model(seed=3)
    crops = {kind: those[:2] for kind, those in fixed_crops().items()}
    assert check(exported(right.build(), right.settings).SerializeToString(), right.build(),
                 right.settings, crops).good  # fmt: skip

    def saturated(model):
        state = dict(model.networks)
        state["meta.classify.bias"] = state["meta.classify.bias"] + 100
        return dataclasses.replace(model, networks=state).build()

    for change in (lambda model: model.build(), saturated):
        data = exported(change(wrong), wrong.settings).SerializeToString()
        assert not check(data, change(right), right.settings, crops).good


def test_scores_that_are_no_numbers_fail_the_check():
    assert not Check(float("nan"), "noise", 0.0, 5, 0.0, 1.0).good
    assert not Check(0.0, "noise", float("nan"), 5, 0.0, 1.0).good
    model = made_model()
    state = dict(model.networks)
    state["meta.layers.1.running_var"] = -torch.ones_like(state["meta.layers.1.running_var"])
    model = dataclasses.replace(model, networks=state)
    data = exported(model.build(), model.settings).SerializeToString()
    crops = {"noise": fixed_crops()["noise"]}
    assert not check(data, model.build(), model.settings, crops).good


def test_every_crop_is_checked_once_in_batches_of_several_sizes():
    crops = np.arange(30)
    parts = list(batches(crops))
    assert [len(part) for part in parts] == [1, 2, 5, 16, 1, 2, 3]
    assert np.array_equal(np.concatenate(parts), crops)


@pytest.mark.slow
def test_crops_of_a_bundle_take_part_in_the_check(file, tmp_path):
    bundle = make_bundle(tmp_path / "bundle", ["oulu"], videos=1, frames=1)  # in three splits
    result = export_onnx(file[0], tmp_path / "m.onnx", bundle)
    assert result.crops == sum(map(len, fixed_crops().values())) + 6


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_what_is_no_model_is_told_and_nothing_is_written(content, tmp_path):
    path = tmp_path / "model.pt"
    if content is None:
        state = made_model().networks
        state["meta.classify.bias"] = torch.tensor([float("inf")])  # type: ignore[index]
        write_model(path, {"networks": state})
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.pt: "):
        export_onnx(path, tmp_path / "model.onnx", None)
    assert not (tmp_path / "model.onnx").exists()
