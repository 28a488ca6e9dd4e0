"""A trained model as an ONNX file that takes crops as they are and gives scores.

All that stands between a crop and its score is in the graph: the reduction to the networks' size,
the colours, the scale. So nobody has to write it again. The file's metadata says what a score is,
from where on it means live, and how the crops are made.
"""

import dataclasses
import json
from importlib.metadata import version
from pathlib import Path

import onnx

from pipeline.bundle import IMAGE_SIDE
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from pipeline.files.store import check_apart, write_bytes
from pipeline.onnx.check import Check, check, crops_of, fixed_crops
from pipeline.onnx.graph import exported
from pipeline.predict.scorer import NO_PROOF, networks_of, threshold_of
from train.methods import METHODS
from train.running import checkpoint
from train.running.device import reproducible


def metadata(model: checkpoint.Model, sha256: str) -> dict[str, str]:
    """What the file says of itself, all of it text; docs/deployment.md has a table.

    sha256: of the file model.pt.
    """
    threshold = threshold_of(model)
    settings = model.settings
    numbers = {
        f"threshold_{level}": "" if value is None else repr(value)
        for level, value in (("frame", threshold.frame), ("video", threshold.video))
    }
    return {
        **numbers,
        "threshold_rule": threshold.rule,
        "threshold_how": threshold.how,
        "threshold_from": threshold.origin,
        "score": METHODS[settings.method].scale,
        "crop": json.dumps(model.crop, sort_keys=True),
        "parsing_classes": json.dumps(model.classes),
        "protocol": model.protocol,
        "variant": settings.variant,
        "steps": str(model.steps),
        "bundle": model.bundle,
        "model_sha256": sha256,
        "ocim": version("ocim"),
        "warning": NO_PROOF,
    }


def export_onnx(path: Path, out: Path, bundle: Path | None) -> Check:
    """Write the model of `path` as ONNX to `out`, where ONNX Runtime gives its scores.

    Where it does not, nothing is written, and the Check that is returned says so (`good`). bundle:
    a folder whose crops take part in the check. Raises UserError for a file that is no model,
    BundleError for a bundle that is none, OSError where `out` cannot be written.
    """
    check_apart(out, [path])
    model = checkpoint.load(path)
    settings = dataclasses.replace(model.settings, device="cpu")
    with reproducible(settings):
        try:
            networks = networks_of(model)
            words = metadata(model, sha256_file(path))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        crops = fixed_crops()
        if bundle is not None:
            crops = {**crops, "bundle": crops_of(bundle)}
        made = exported(networks, settings)
        made.producer_name, made.producer_version = "ocim", words["ocim"]
        made.doc_string = f"crops: n x {IMAGE_SIDE} x {IMAGE_SIDE} x 3 uint8 RGB. {words['score']}."
        onnx.helper.set_model_props(made, words)
        data = made.SerializeToString(deterministic=True)
        onnx.checker.check_model(data, full_check=True)
        result = check(data, networks, settings, crops)
    if result.good:
        write_bytes(out, data)
    return result
