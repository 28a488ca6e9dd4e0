"""train/baselines/ssdg.py: the names of released snapshots, and loading them."""

import zlib

import pytest
import torch
from made_batches import small_settings

from train.baselines.ssdg import SSDG, from_ssdg


def ssdg_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of SSDG's network and discriminator, as published."""
    net: dict[str, tuple[int, ...]] = {}

    def block(conv: str, norm: str, inside: int, outside: int) -> None:
        net[f"{conv}.weight"] = (outside, inside, 3, 3)
        for name in ("weight", "bias", "running_mean", "running_var"):
            net[f"{norm}.{name}"] = (outside,)
        net[f"{norm}.num_batches_tracked"] = ()

    channels = [3, 64, 128, 196, 128, 128, 196, 128, 128, 196, 128]
    for i in range(1, 11):
        block(f"backbone.conv1_{i}", f"backbone.bn1_{i}", channels[i - 1], channels[i])
    for i, (inside, outside) in enumerate(((128, 128), (128, 256), (256, 512))):
        norm = f"embedder.bottleneck_layer_1.{4 * i + 1}"
        block(f"embedder.conv3_{i + 1}", norm, inside, outside)
    net |= {
        "embedder.bottleneck_layer_fc.weight": (512, 512),
        "embedder.bottleneck_layer_fc.bias": (512,),
        "classifier.classifier_layer.weight": (2, 512),
        "classifier.classifier_layer.bias": (2,),
    }
    second = {
        "fc1.weight": (512, 512),
        "fc1.bias": (512,),
        "fc2.weight": (3, 512),
        "fc2.bias": (3,),
    }
    return {"net": net, "ad_net_real": second}


ALIASES = {
    "embedder.bottleneck_layer_1.0.weight": "embedder.conv3_1.weight",
    "embedder.bottleneck_layer_1.4.weight": "embedder.conv3_2.weight",
    "embedder.bottleneck_layer_1.8.weight": "embedder.conv3_3.weight",
    "embedder.bottleneck_layer.0.weight": "embedder.bottleneck_layer_fc.weight",
    "embedder.bottleneck_layer.0.bias": "embedder.bottleneck_layer_fc.bias",
}
SECOND_ALIASES = {
    "ad_net.0.weight": "fc1.weight",
    "ad_net.0.bias": "fc1.bias",
    "ad_net.3.weight": "fc2.weight",
    "ad_net.3.bias": "fc2.bias",
}


def test_the_names_of_ssdg_are_those_of_the_reference(reference):
    given = reference("ssdg_state_dict")
    assert given["aliases"] == {"net": ALIASES, "ad_net_real": SECOND_ALIASES}
    for network, shapes in ssdg_shapes().items():
        assert {name: list(shape) for name, shape in shapes.items()} == given[network]


def test_released_snapshots_load_strictly_with_their_second_names():
    made = {
        network: {
            name: torch.full(shape, float(zlib.crc32(name.encode()) % 1000))
            for name, shape in shapes.items()
        }
        for network, shapes in ssdg_shapes().items()
    }
    made["net"] |= {alias: made["net"][name] for alias, name in ALIASES.items()}
    second = made["ad_net_real"]
    second |= {alias: second[name] for alias, name in SECOND_ALIASES.items()}
    networks = SSDG(small_settings("ssdg", width=1.0), 3)
    net = {f"module.{name}": tensor for name, tensor in made["net"].items()}
    networks.load_state_dict(from_ssdg(net, second), strict=True)
    for ours, theirs in (
        (networks.backbone.stem[0].weight, made["net"]["backbone.conv1_1.weight"]),
        (networks.backbone.stage3[7].running_var, made["net"]["backbone.bn1_10.running_var"]),
        (networks.embedder[4].weight, made["net"]["embedder.conv3_2.weight"]),
        (networks.linear.bias, made["net"]["embedder.bottleneck_layer_fc.bias"]),
        (networks.discriminator.fc2.weight, second["fc2.weight"]),
    ):
        assert torch.equal(ours, theirs)  # type: ignore[arg-type]
    missing, unexpected = networks.load_state_dict(from_ssdg(made["net"]), strict=False)
    assert {name.partition(".")[0] for name in missing} == {"discriminator"}
    assert not unexpected
    with pytest.raises(KeyError, match=r"layer4\.weight"):
        from_ssdg({"layer4.weight": torch.zeros(1)})
