"""PRNet's released TensorFlow checkpoint to one safetensors file: CHECKPOINT OUT.safetensors.

Runs in an environment of its own with tensorflow (or tensorflow-cpu), numpy and safetensors, and
needs nothing of this project; docs/weights.md says step by step. The network's variables are
written under their own names as float32, what an optimiser left is not. The same checkpoint gives
the same bytes. Then: ocim weights fetch prnet --from OUT.safetensors
"""

import hashlib
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SCOPE = "resfcn256/"
PARTS = ("weights", "gamma", "beta", "moving_mean", "moving_variance")
COUNT = 245
SUFFIXES = (".index", ".meta", ".data-00000-of-00001")


def main() -> int:
    """Convert; exit code 2 and one line where that cannot be done."""
    if len(sys.argv) != 3 or not sys.argv[2].endswith(".safetensors"):
        print("usage: python convert_prnet.py CHECKPOINT OUT.safetensors", file=sys.stderr)
        return 2
    checkpoint, out = sys.argv[1], Path(sys.argv[2])
    for suffix in SUFFIXES:  # tensorflow wants what its files' names have in common
        checkpoint = checkpoint.removesuffix(suffix)
    for suffix in (".index", ".data-00000-of-00001"):
        if not Path(checkpoint + suffix).is_file():
            return _refuse(f"{checkpoint}{suffix}: no such file; a checkpoint needs both")
    import numpy as np
    import tensorflow as tf
    from safetensors.numpy import save

    try:
        reader = tf.train.load_checkpoint(checkpoint)
        names = sorted(
            name
            for name in reader.get_variable_to_shape_map()
            if name.startswith(SCOPE) and name.rpartition("/")[2] in PARTS
        )
        variables = {name: np.asarray(reader.get_tensor(name), np.float32) for name in names}
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        return _refuse(f"{checkpoint}: cannot be read: {' '.join(str(error).split())}")
    if len(variables) != COUNT:
        return _refuse(f"{checkpoint}: {len(variables)} variables of PRNet's network, not {COUNT}")
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        content = save(variables)
        beside.write_bytes(content)
        beside.replace(out)
    except OSError as error:
        return _refuse(f"{out}: {error.strerror}")
    finally:
        beside.unlink(missing_ok=True)
    print(f"{out}: {COUNT} variables, sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


def _refuse(why: str) -> int:
    print(f"convert_prnet: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
