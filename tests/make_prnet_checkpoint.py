"""Makes a checkpoint as TensorFlow 1 wrote PRNet's, and what TensorFlow gives with it.

PREFIX SHAPES.json [--without NAME]. Run by tests in the environment that has tensorflow.
SHAPES.json maps the network's variables to their shapes; values follow `made`. Beside them stand
what an Adam optimiser leaves and a step counter. PREFIX_case.npz holds an `image` (256, 256, 3)
and its `position` map (256, 256, 3).
"""

import json
import os
import sys
import zlib
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def made(name, shape):
    """Values (float32) that depend on the name and the shape alone, as large as a net can bear."""
    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("moving_variance"):
        values = 1 + 0.1 * np.abs(values)
    elif name.endswith("gamma"):
        values = 1 + 0.1 * values
    elif len(shape) == 1:
        values = 0.1 * values
    else:
        inputs = shape[0] * shape[1] * shape[3 if "transpose" in name else 2]
        values *= np.sqrt(2 / inputs)
    return values.astype(np.float32)


def save_checkpoint(prefix, variables):
    """A checkpoint of these variables and of an optimiser's."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    extra = {"beta1_power": np.float32(0.9), "global_step": np.int64(7)}
    for name, value in variables.items():
        if name.endswith(("weights", "gamma", "beta")):
            extra |= {f"{name}/Adam": np.zeros_like(value), f"{name}/Adam_1": np.ones_like(value)}
    with tf.Graph().as_default(), tf1.Session() as session:
        held = {}  # by place, so that the values do not stand in the graph's file as well
        for name, value in (variables | extra).items():
            shape, kind = np.shape(value), np.asarray(value).dtype
            place = tf1.placeholder(kind, shape)
            tf1.get_variable(name, initializer=place, use_resource=False)
            held[place] = value
        session.run(tf1.global_variables_initializer(), held)
        tf1.train.Saver().save(session, prefix, write_meta_graph=False)


class Graph:
    """PRNet in TensorFlow's own operations: stride, `SAME` and the order of axes are its own."""

    def __init__(self, variables):
        import tensorflow as tf

        self.tf, self.variables = tf, variables

    def value(self, name):
        return self.variables[f"resfcn256/{name}"]

    def norm(self, x, scope):
        mean, variance, beta, gamma = (
            self.value(f"{scope}/BatchNorm/{part}")
            for part in ("moving_mean", "moving_variance", "beta", "gamma")
        )
        return self.tf.nn.batch_normalization(x, mean, variance, beta, gamma, 0.001)

    def convolve(self, x, scope, stride=1):
        return self.tf.nn.conv2d(x, self.value(f"{scope}/weights"), stride, "SAME")

    def layer(self, x, scope, stride=1):
        return self.tf.nn.relu(self.norm(self.convolve(x, scope, stride), scope))

    def block(self, x, scope, stride):
        shortcut = x
        if f"resfcn256/{scope}/shortcut/weights" in self.variables:
            shortcut = self.convolve(x, f"{scope}/shortcut", stride)
        x = self.layer(x, f"{scope}/Conv")
        x = self.layer(x, f"{scope}/Conv_1", stride)
        x = self.convolve(x, f"{scope}/Conv_2") + shortcut
        return self.tf.nn.relu(self.norm(x, scope))

    def transpose(self, x, scope, stride):
        weights = self.value(f"{scope}/weights")
        size = (x.shape[0], x.shape[1] * stride, x.shape[2] * stride, weights.shape[2])
        x = self.tf.nn.conv2d_transpose(x, weights, size, stride, "SAME")
        return self.norm(x, scope)

    def position(self, image):
        x = self.layer(image[None], "Conv")
        for i in range(10):
            x = self.block(x, f"resBlock_{i}" if i else "resBlock", 1 if i % 2 else 2)
        for i in range(17):
            scope = f"Conv2d_transpose_{i}" if i else "Conv2d_transpose"
            x = self.transpose(x, scope, 2 if i in (1, 4, 7, 10, 12) else 1)
            x = self.tf.nn.relu(x) if i < 16 else self.tf.nn.sigmoid(x)
        return x[0].numpy() * 256 * 1.1


def main():
    prefix, shapes = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    without = sys.argv[4] if sys.argv[3:4] == ["--without"] else None
    variables = {name: made(name, shape) for name, shape in shapes.items()}
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(prefix, {name: one for name, one in variables.items() if name != without})
    if without is None:
        image = np.random.default_rng(3).random((256, 256, 3)).astype(np.float32)
        position = Graph(variables).position(image)
        np.savez(f"{prefix}_case.npz", image=image, position=position)


if __name__ == "__main__":
    main()
