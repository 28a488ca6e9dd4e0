"""Snapshots of RFMetaFAS's released code: none is released, so these are made."""

import json
import zlib
from pathlib import Path

import pytest
import torch
from made_bundle import make_bundle

from pipeline.cli import cli
from pipeline.errors import UserError
from train.baselines.rfmetafas import find_snapshot, from_rfmetafas, import_snapshot
from train.config import Settings
from train.model import Networks
from train.running import checkpoint


def rfmetafas_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of RFMetaFAS's three state dicts, as its published networks have them."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "FeatExtractor": {},
        "DepthEstmator": {},
        "FeatEmbedder": {"fc.weight": (1, 512), "fc.bias": (1,)},
    }

    def block(network: str, conv: str, norm: str, inside: int, outside: int) -> None:
        found = shapes[network]
        found[f"{conv}.weight"], found[f"{conv}.bias"] = (outside, inside, 3, 3), (outside,)
        for name in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{name}"] = (outside,)
        found[f"{norm}.num_batches_tracked"] = ()

    block("FeatExtractor", "inc.conv.0", "inc.conv.1", 6, 64)
    for stage, inside in enumerate((64, 128, 128), 1):
        for place, (i, o) in enumerate(((inside, 128), (128, 196), (196, 128))):
            start = f"down{stage}.downconv."
            block("FeatExtractor", f"{start}{3 * place}", f"{start}{3 * place + 1}", i, o)
    for place, (i, o) in enumerate(((384, 128), (128, 64), (64, 1))):
        block("DepthEstmator", f"conv.{3 * place}", f"conv.{3 * place + 1}", i, o)
    for place, (i, o) in enumerate(((128, 128), (128, 256), (256, 512))):
        start = f"features.{place}."
        block("FeatEmbedder", f"{start}conv{place}", f"{start}bn{place}", i, o)
    return shapes


def test_the_names_of_rfmetafas_are_those_of_the_reference(reference):
    ours = rfmetafas_shapes()
    assert {n: {k: list(v) for k, v in s.items()} for n, s in ours.items()} == reference(
        "rfmetafas_state_dict"
    )


def test_rfmetafas_state_dicts_load_strictly_with_or_without_module():
    made = {
        network: {
            ("module." if network != "FeatEmbedder" else "") + name: torch.full(
                shape, float(zlib.crc32(name.encode()) % 1000)
            )
            for name, shape in state.items()
        }
        for network, state in rfmetafas_shapes().items()
    }
    networks = Networks(Settings(variant="rfmetafas"))
    networks.load_state_dict(from_rfmetafas(*made.values()), strict=True)
    name = "module.down2.downconv.3.weight"
    assert torch.equal(networks.features.stage2[3].weight, made["FeatExtractor"][name])
    assert torch.equal(networks.meta.layers[9].bias, made["FeatEmbedder"]["features.2.bn2.bias"])
    with pytest.raises(KeyError, match=r"layer4\.weight"):
        from_rfmetafas({"layer4.weight": torch.zeros(1)})


def write_snapshot(folder: Path, name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Three files as the released code writes them: the first two through DataParallel."""
    random = torch.Generator().manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    files = ("FeatExtor", "DepthEstor", "FeatEmbder")
    for file, state in zip(files, rfmetafas_shapes().values(), strict=True):
        start = "" if file == "FeatEmbder" else "module."
        values = {}
        for key, shape in state.items():
            value = torch.randn(shape, generator=random) * 0.05
            if key.endswith("running_var"):
                value = value.abs() + 0.5
            values[start + key] = value.long() if key.endswith("tracked") else value
        torch.save(values, folder / f"{file}-{name}.pt")
        made.update(values)
    return made


def test_the_only_whole_snapshot_of_a_folder_is_found_and_one_of_several_is_named(tmp_path: Path):
    write_snapshot(tmp_path, "10")
    (tmp_path / "FeatExtor-11.pt").write_bytes(b"")  # still being written
    assert [p.name for p in find_snapshot(tmp_path)] == [
        "FeatExtor-10.pt",
        "DepthEstor-10.pt",
        "FeatEmbder-10.pt",
    ]
    write_snapshot(tmp_path, "3-200")
    with pytest.raises(UserError, match=r"say which snapshot.* it has 10, 3-200"):
        find_snapshot(tmp_path)
    assert find_snapshot(tmp_path, "3-200")[0].name == "FeatExtor-3-200.pt"
    with pytest.raises(UserError, match="no snapshot '11'"):
        find_snapshot(tmp_path, "11")
    with pytest.raises(UserError, match="it has none"):
        find_snapshot(tmp_path / "nowhere")


@pytest.mark.slow
def test_snapshots_are_imported_and_evaluated_by_the_command_line(tmp_path: Path):
    made = write_snapshot(tmp_path / "snapshots", "final")
    bundle, model = make_bundle(tmp_path / "bundle", ["msu"], 1, 1), tmp_path / "model.pt"
    words = ["import-rfmetafas", str(tmp_path / "snapshots"), "--protocol", "O&C&I to M"]
    cli.main([*words, "-o", str(model)], standalone_mode=False)
    loaded = checkpoint.load(model)
    assert torch.equal(
        loaded.networks["features.stage1.3.weight"], made["module.down1.downconv.3.weight"]
    )
    results = tmp_path / "results.json"
    words = ["evaluate", str(model), "--bundle", str(bundle), "-o", str(results)]
    cli.main(words, standalone_mode=False)
    found = json.loads(results.read_text())
    assert found["selection"] == "RFMetaFAS's snapshot final"
    assert (found["variant"], found["target"], found["trained_on"]) == (
        "rfmetafas",
        "msu",
        "not known",
    )


def test_a_file_of_another_network_is_named(tmp_path: Path):
    write_snapshot(tmp_path, "10")
    torch.save({"layer4.weight": torch.zeros(1)}, tmp_path / "DepthEstor-10.pt")
    with pytest.raises(UserError, match=r"DepthEstor-10\.pt: not a snapshot.*layer4"):
        import_snapshot(tmp_path, None, "O&C&I to M", tmp_path / "model.pt")
    torch.save({"module.conv.0.weight": torch.zeros(1)}, tmp_path / "DepthEstor-10.pt")
    with pytest.raises(UserError, match="not RFMetaFAS's networks"):
        import_snapshot(tmp_path, None, "O&C&I to M", tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()
