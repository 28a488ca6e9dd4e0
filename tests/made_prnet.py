"""Made values of PRNet's variables, and landmarks whose box is known."""

import numpy as np
from make_prnet_checkpoint import made

from labels.depth.prnet_network import PRNet, variable_names
from labels.depth.prnet_square import BOX


def tf_shapes():
    """TensorFlow's shapes of the network's variables, from its structure here."""
    state = PRNet().state_dict()
    shapes = {}
    for name, variable in variable_names().items():
        shape = tuple(state[name].shape)
        shapes[variable] = (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape
    return shapes


def made_variables():
    """Values of the network's variables by TensorFlow's names."""
    return {name: made(name, shape) for name, shape in tf_shapes().items()}


def mesh(low, high):
    """Landmarks whose jaw and brows span a box; all others, forehead too, lie far off."""
    landmarks = np.full((468, 3), -50.0, np.float32)
    landmarks[BOX, :2] = (np.add(low, high)) / 2
    landmarks[BOX[0], :2], landmarks[BOX[1], :2] = low, high
    landmarks[:, 2] = 0
    return landmarks
