"""train/baselines/ssan.py: the names of released snapshots, and loading them."""

import zlib

import pytest
import torch
from made_batches import small_settings

from train.baselines.ssan import SSAN, from_ssan


def ssan_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of SSAN-M's network, as published."""
    found: dict[str, tuple[int, ...]] = {}

    def conv(name: str, inside: int, outside: int, norm: str | None = None) -> None:
        found[f"{name}.weight"] = (outside, inside, 3, 3)
        if norm is not None:
            for part in ("weight", "bias", "running_mean", "running_var"):
                found[f"{norm}.{part}"] = (outside,)
            found[f"{norm}.num_batches_tracked"] = ()

    conv("conv1.0", 3, 64, "conv1.1")
    for block, inside in enumerate((64, 128, 128), 1):
        for place, (i, o) in enumerate(((inside, 128), (128, 196), (196, 128))):
            conv(f"Block{block}.{3 * place}", i, o, f"Block{block}.{3 * place + 1}")
    conv("layer4.0", 128, 256, "layer4.1")
    for block in (0, 1):
        conv(f"adaIN_layers.{block}.conv1", 256, 256)
        conv(f"adaIN_layers.{block}.conv2", 256, 256)
    conv("conv_final.0", 256, 512, "conv_final.1")
    for name in ("gamma", "beta", "FC.0"):
        found[f"{name}.weight"] = (256, 256)
    for number, outside in enumerate((128, 128, 256), 1):
        conv(f"ada_conv{number}.0", 128, outside)
    conv("dis.ad_net.0", 256, 256, "dis.ad_net.1")
    conv("dis.ad_net.3", 256, 512, "dis.ad_net.4")
    found |= {"dis.fc.weight": (3, 512), "dis.fc.bias": (3,)}
    conv("decoder.1", 512, 128, "decoder.2")
    conv("decoder.5", 128, 64, "decoder.6")
    conv("decoder.8", 64, 1)
    return found


def test_the_names_of_ssan_are_those_of_the_reference(reference):
    ours = {name: list(shape) for name, shape in ssan_shapes().items()}
    assert ours == reference("ssan_state_dict")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_released_snapshots_load_strictly_without_what_they_never_use(prefix: str):
    made = {
        prefix + name: torch.full(shape, float(zlib.crc32(name.encode()) % 1000))
        for name, shape in ssan_shapes().items()
    }
    networks = SSAN(small_settings("ssan", width=1.0), 3)
    networks.load_state_dict(from_ssan(made), strict=True)
    encoder = networks.encoder
    for ours, theirs in (
        (encoder.backbone.stage2[3].weight, "Block2.3.weight"),
        (encoder.content[1].running_mean, "layer4.1.running_mean"),
        (encoder.style[2].weight, "ada_conv3.0.weight"),
        (encoder.code.weight, "FC.0.weight"),
        (networks.final[1].bias, "conv_final.1.bias"),
        (networks.decoder.second[0].weight, "decoder.5.weight"),
        (networks.discriminator.layers[3].weight, "dis.ad_net.3.weight"),
    ):
        assert torch.equal(ours, made[prefix + theirs])  # type: ignore[arg-type]
    with pytest.raises(KeyError, match=r"fc\.weight"):
        from_ssan({"fc.weight": torch.zeros(1)})
