"""The weights that a user fetches: what they are, where they lie, whether they are the right ones.

None is shipped. They lie in $OCIM_WEIGHTS, else ~/.cache/ocim/weights, each in a folder that is
named by its sha256. labels.weights_fetch puts them there; nothing here reaches the network.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError

_HEX = frozenset("0123456789abcdef")
_BULAT = "https://www.adrianbulat.com/downloads/python-fan/"
_FAN_LICENCE = "not stated (code: BSD-3-Clause)"
_FACES_LICENCE = "not stated (code: MIT; trained on CelebAMask-HQ: not for commercial use)"


@dataclass(frozen=True)
class Weights:
    """One file of weights.

    file: its name in the store. purpose: which back ends read it. licence: as far as it is stated.
    url: where it comes from; empty where there is nothing to download. size: bytes of what is
    downloaded, None where no one says. sha256: of what is downloaded; where it is empty, `prefix`
    is what is published of it (its first digits), and the whole is recorded at the first fetch.
    form: `plain`, kept as it comes; `torch`, a torch checkpoint that is kept as safetensors;
    `prnet`, what tools/convert_prnet.py wrote.
    """

    file: str
    purpose: str
    licence: str
    url: str = ""
    size: int | None = None
    sha256: str = ""
    prefix: str = ""
    form: str = "plain"


REGISTRY: dict[str, Weights] = {
    "bisenet": Weights(
        "79999_iter.pth",
        "parsing: bisenet",
        _FACES_LICENCE,
        "https://github.com/xinntao/facexlib/releases/download/v0.2.0/parsing_bisenet.pth",
        53_289_463,
        "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
    ),
    "bisenet-resnet18": Weights(
        "resnet18.onnx",
        "parsing: bisenet",
        _FACES_LICENCE,
        "https://github.com/yakhyo/face-parsing/releases/download/weights/resnet18.onnx",
        sha256="0d9bd318e46987c3bdbfacae9e2c0f461cae1c6ac6ea6d43bbe541a91727e33f",
    ),
    "prnet": Weights(
        "prnet.safetensors",
        "depth: prnet",
        "not stated (code: MIT)",
        form="prnet",
    ),
    "prnet-face-index": Weights(
        "face_ind.txt",
        "depth: prnet",
        "MIT",
        "https://raw.githubusercontent.com/YadiraF/PRNet/master/Data/uv-data/face_ind.txt",
        sha256="86a7ce5131d3c827c368fd3c1236ded6b5d80802f1abd5cf98940ba0595ab231",
    ),
    "face-landmarker": Weights(
        "face_landmarker.task",
        "landmarks: tasks",
        "Apache-2.0",
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/"
        "float16/1/face_landmarker.task",
        3_758_596,
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    ),
    "3dfan4": Weights(
        "3dfan4.safetensors",
        "depth: fan3d; landmarks: fan",
        _FAN_LICENCE,
        _BULAT + "3DFAN4-7835d9f11d.pth.tar",
        prefix="7835d9f11d",
        form="torch",
    ),
    "fan-depth": Weights(
        "fan_depth.safetensors",
        "depth: fan3d; landmarks: fan",
        _FAN_LICENCE,
        _BULAT + "depth-2a464da4ea.pth.tar",
        prefix="2a464da4ea",
        form="torch",
    ),
    "s3fd": Weights(
        "s3fd.safetensors",
        "landmarks: fan (its face detector)",
        _FAN_LICENCE,
        _BULAT + "s3fd-619a316812.pth",
        prefix="619a316812",
        form="torch",
    ),
}
"""By the names that the configuration and `ocim weights` use."""


def folder() -> Path:
    """The store: $OCIM_WEIGHTS, else ~/.cache/ocim/weights."""
    given = os.environ.get("OCIM_WEIGHTS")
    return Path(given) if given else Path.home() / ".cache" / "ocim" / "weights"


def entry(name: str) -> Weights:
    """The registered weights of a name; UserError where there are none."""
    if name not in REGISTRY:
        raise UserError(f"{name}: no such weights; there are {', '.join(REGISTRY)}")
    return REGISTRY[name]


def find(name: str) -> Path:
    """The file of a registered name, its sha256 checked now, or a path of the user's own as it is.

    UserError where it is not here, or is not what it should be.
    """
    if name not in REGISTRY:
        path = Path(name)
        if not path.is_file():
            raise UserError(
                f"{name}: no such file, nor the name of weights ({', '.join(REGISTRY)})"
            )
        return path
    wanted = expected(name)
    path = folder() / wanted / REGISTRY[name].file
    if not wanted or not path.is_file():
        raise UserError(
            f"the weights {name} ({REGISTRY[name].file}) are not in {folder()}; "
            f"run: ocim weights fetch {name}"
        )
    found = sha256_file(path)
    if found != wanted:
        raise UserError(
            f"{path}: damaged, its sha256 is {found}, not {wanted}; run: ocim weights fetch {name}"
        )
    return path


def digest(name: str) -> str:
    """Sha256 in hex of the file that `find` gives; UserError as there."""
    path = find(name)
    return expected(name) if name in REGISTRY else sha256_file(path)


def expected(name: str) -> str:
    """Sha256 in hex that the kept file of a name must have; "" before a first fetch records it."""
    known = REGISTRY[name]
    return known.sha256 if known.form == "plain" and known.sha256 else record(name).get("kept", "")


def record_path(name: str) -> Path:
    """Where the hashes of a file stand that were learned at its first fetch."""
    return folder() / "recorded" / f"{name}.json"


def record(name: str) -> dict[str, str]:
    """What was recorded at the first fetch: sha256 of what was `fetched` and of what is `kept`.

    Empty before it; UserError where the record is damaged.
    """
    path = record_path(name)
    try:
        hashes = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        hashes = None
    if not (
        isinstance(hashes, dict)
        and hashes.keys() == {"fetched", "kept"}
        and all(isinstance(value, str) and len(value) == 64 and set(value) <= _HEX
                for value in hashes.values())
    ):  # fmt: skip
        raise UserError(f"{path}: damaged; delete it and run: ocim weights fetch {name}")
    return hashes


def sha256_file(path: Path) -> str:
    """Sha256 in hex of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
