"""PRNet's network against the authors' own: its variables, its paddings, its positions."""

from runpy import run_path

import numpy as np
import pytest
import torch
from made_prnet import made_variables, tf_shapes

from labels.depth.prnet_network import Convolution, PRNet, Transposed, convert
from pipeline.errors import UserError


@pytest.fixture(scope="module")
def variables():
    return made_variables()


def test_the_variables_are_those_of_the_released_checkpoint(reference):
    released = {name: tuple(shape) for name, shape in reference("prnet_variables").items()}
    assert tf_shapes() == released
    assert len(released) == 245


@pytest.mark.slow
def test_positions_are_those_of_the_authors_network(reference, shared):
    tensor = run_path(str(shared / "reference" / "rule_tensors.py"))["tensor"]
    shapes = reference("prnet_variables")
    network = PRNet().eval()
    network.load_state_dict(
        convert({name: tensor(name, shape) for name, shape in shapes.items()}), strict=True
    )
    with np.load(shared / "reference" / "prnet_case.npz") as case:
        picture = torch.from_numpy(case["image"].transpose(2, 0, 1)[None].copy())
        with torch.inference_mode():
            position = network(picture)[0].numpy()
        y, x = case["points_yx"].T
        assert np.abs(position[:, y, x].T - case["position"]).max() < 1e-3


def test_what_an_optimiser_left_is_passed_over(variables):
    more = variables | {"resfcn256/Conv/weights/Adam": np.ones(1), "global_step": np.int64(3)}
    wanted = convert(variables)
    given = convert(more)
    assert given.keys() == wanted.keys() == PRNet().state_dict().keys()
    assert all(torch.equal(given[name], one) for name, one in wanted.items())


def test_a_missing_variable_is_named(variables):
    name = "resfcn256/resBlock_3/Conv_1/BatchNorm/moving_mean"
    with pytest.raises(UserError, match=f"{name} is missing"):
        convert({one: value for one, value in variables.items() if one != name})


def test_a_variable_of_another_shape_is_named_with_both_shapes(variables):
    name = "resfcn256/Conv2d_transpose_1/weights"
    with pytest.raises(UserError) as caught:
        convert(variables | {name: np.zeros((4, 4, 512, 256))})
    said = str(caught.value)
    assert name in said
    assert "(4, 4, 512, 256), not (4, 4, 256, 512)" in said


def footprint(layer, size, place):
    """Where along a row a layer gives something of a single lit pixel, and with which weight."""
    picture = torch.zeros(1, 1, size, size)
    picture[0, 0, place, place] = 1
    layer.eval()
    layer.convolution.weight.data[:] = torch.arange(1.0, 5.0)  # by column; all rows alike
    with torch.no_grad():
        line = layer(picture)[0, 0].amax(0) * np.sqrt(1.001)  # off with the norm's epsilon
    return {int(i): round(float(line[i]), 3) for i in line.nonzero()[:, 0]}


# TensorFlow pads a kernel of 4 by 1 before and 2 after at stride 1, by 1 and 1 at stride 2, and its
# transposed convolution is the way back: column k of the kernel stands k - 1 from the output.


def test_convolutions_are_padded_as_tensorflow_does():
    assert footprint(Convolution(1, 1, 4, 1), 8, 4) == {2: 4, 3: 3, 4: 2, 5: 1}
    assert footprint(Convolution(1, 1, 4, 2), 8, 4) == {1: 4, 2: 2}
    assert footprint(Convolution(1, 1, 4, 2), 8, 5) == {2: 3, 3: 1}


def test_transposed_convolutions_are_cut_as_tensorflow_does():
    assert footprint(Transposed(1, 1, 1), 8, 4) == {3: 1, 4: 2, 5: 3, 6: 4}
    assert footprint(Transposed(1, 1, 2), 8, 4) == {7: 1, 8: 2, 9: 3, 10: 4}


def test_another_size_of_picture_is_refused():
    with pytest.raises(ValueError, match="256"):
        PRNet()(torch.zeros(1, 3, 128, 128))
