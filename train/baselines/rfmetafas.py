"""What RFMetaFAS's released code saves: three snapshot files, and their names in our networks."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.bundle import CLASS_NAMES
from pipeline.errors import UserError
from train.baselines.names import renamed
from train.evaluation.thresholds import fixed_threshold
from train.protocols import parse
from train.running import checkpoint
from train.settings import settings_from_dict

RFMETAFAS_NAMES = {
    "inc.conv.": "features.stem.",
    "down1.downconv.": "features.stage1.",
    "down2.downconv.": "features.stage2.",
    "down3.downconv.": "features.stage3.",
    "conv.": "depth.layers.",
    "features.0.conv0.": "meta.layers.0.",
    "features.0.bn0.": "meta.layers.1.",
    "features.1.conv1.": "meta.layers.4.",
    "features.1.bn1.": "meta.layers.5.",
    "features.2.conv2.": "meta.layers.8.",
    "features.2.bn2.": "meta.layers.9.",
    "fc.": "meta.classify.",
}
"""Beginnings of names: FeatExtractor, DepthEstmator and FeatEmbedder of RFMetaFAS, and ours."""


def from_rfmetafas(*states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename RFMetaFAS's state dicts (with `module.` before each name or not) to ours.

    Give the dicts of its three networks in any order; load the result into the Networks of the
    variant rfmetafas. Raises KeyError for a name that is not one of theirs.
    """
    ours: dict[str, Tensor] = {}
    for state in states:
        ours |= renamed(state, RFMETAFAS_NAMES, "RFMetaFAS")
    return ours


FILES = ("FeatExtor", "DepthEstor", "FeatEmbder")
"""Beginnings of the three file names; what follows, such as -10 or -3-200 or -final, they share."""


def find_snapshot(folder: Path, which: str | None = None) -> list[Path]:
    """The three files of one snapshot. which: what follows in their names, such as 10, 3-200 or
    final; None where there is one alone. Raises UserError naming what there is.
    """
    snapshots: dict[str, set[str]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if named := re.fullmatch(rf"({'|'.join(FILES)})-(.+)\.pt", path.name):
            snapshots.setdefault(named[2], set()).add(named[1])
    whole = sorted(name for name, parts in snapshots.items() if parts == set(FILES))
    if which is None and len(whole) == 1:
        which = whole[0]
    if which not in whole:
        have = f"it has {', '.join(whole)}" if whole else "it has none that is whole"
        wanted = "say which snapshot" if which is None else f"no snapshot '{which}'"
        raise UserError(f"{folder}: {wanted}: {', '.join(FILES)}-NAME.pt; {have}")
    return [folder / f"{part}-{which}.pt" for part in FILES]


def load_snapshot(files: list[Path]) -> dict[str, Tensor]:
    """The state dict of our networks from three snapshot files. UserError names a wrong file."""
    states: list[Mapping[str, Tensor]] = []
    for path in files:
        try:
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
            states.append(from_rfmetafas(state))
        except Exception as error:  # torch raises whatever the bytes lead it to
            reason = error.args[0] if isinstance(error, KeyError) else type(error).__name__
            raise UserError(f"{path}: not a snapshot of RFMetaFAS: {reason}") from None
    return {name: value for state in states for name, value in state.items()}


def import_snapshot(folder: Path, which: str | None, protocol: str, out: Path) -> Path:
    """Write three snapshot files as a model.pt, to be evaluated like any other; returns its path.

    Raises UserError for files that are missing or not what RFMetaFAS saves, or a wrong protocol.
    """
    files = find_snapshot(folder, which)
    settings = settings_from_dict({"variant": "rfmetafas", "protocol": protocol}, "settings")
    name = files[0].stem.partition("-")[2]
    model = checkpoint.Model(
        networks=load_snapshot(files),
        settings=settings,
        protocol=str(parse(settings.protocol)),
        bundle="not known",
        steps=0,
        all_steps=0,
        selection=f"RFMetaFAS's snapshot {name}",
        environment={},
        crop={},
        classes=list(CLASS_NAMES),
        threshold=fixed_threshold("a snapshot of RFMetaFAS comes without scores of its sources"),
        data={"datasets": {}, "licences": []},
    )
    try:
        model.build()
    except UserError as error:
        raise UserError(f"{folder}: not RFMetaFAS's networks: {error}") from None
    checkpoint.save(out, model)
    return out
