"""What a threshold decides, which numbers are none, and which models cannot score."""

import math

import numpy as np
import pytest
import torch
from made_predict import made_model, ocim, write_model

from pipeline.errors import UserError
from pipeline.predict.scorer import Threshold, given_threshold

pytest_plugins = "made_predict"


def test_a_score_at_the_threshold_is_live_and_infinite_thresholds_decide():
    threshold = Threshold(0.5, -math.inf, "fixed", "", "")
    assert threshold.decide("frame", 0.5) == "live"
    assert threshold.decide("frame", np.nextafter(0.5, 0)) == "spoof"
    assert threshold.decide("video", 0.0) == "live"
    assert Threshold(None, math.inf, "fixed", "", "").decide("frame", 1.0) is None
    assert Threshold(None, math.inf, "fixed", "", "").decide("video", 1.0) == "spoof"


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_threshold_that_is_no_finite_number_is_refused(number):
    with pytest.raises(UserError, match="finite"):
        given_threshold(number)


@pytest.mark.parametrize("name", ["model.txt", "old.pt", "cut.pt", "nan.pt", "no-crop.pt", "no.pt"])
def test_what_is_no_model_that_can_score_is_one_line(name, model, folder, tmp_path):
    path = tmp_path / name
    if name == "model.txt":
        path.write_text("not a model")
    elif name == "old.pt":
        torch.save({"format": 1}, path)
    elif name == "cut.pt":
        path.write_bytes(model.read_bytes()[:1000])
    elif name == "nan.pt":
        state = made_model().networks
        state["meta.classify.bias"] = torch.tensor([math.nan])  # type: ignore[index]
        write_model(path, {"networks": state})
    elif name == "no-crop.pt":
        write_model(path, {"crop": {}})
    done = ocim(path, folder)
    assert isinstance(done.exception, UserError) and done.output == ""  # main() says it in one line
    assert str(path) in str(done.exception)


def test_a_score_that_is_not_finite_is_a_failure_of_its_frame(folder, tmp_path):
    whole = made_model()
    state = dict(whole.networks)
    state["meta.layers.1.running_var"] = -torch.ones_like(state["meta.layers.1.running_var"])
    path = write_model(tmp_path / "model.pt", {"networks": state})
    done = ocim(path, folder / "b face.png")
    assert done.exit_code == 1
    assert "no score: the model gives no finite score for this face" in done.output
