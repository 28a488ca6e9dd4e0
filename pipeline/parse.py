"""The parsing stage: thirteen classes of every crop of a partition, live and spoof."""

from pathlib import Path

from pipeline import keys, layers
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import ParseSettings
from pipeline.layers import Rows

VERSION = 3
NEEDED = ("affine", "frame", "image", "landmarks_refined", "video")
PACKAGES = ("h5py", "numba", "numpy", "opencv-python")


def reads_loose(settings: ParseSettings) -> bool:
    """Whether the chosen back end reads the looser picture; `facemesh` reads the crop itself."""
    return settings.backend != "facemesh"


def made_for(settings: ParseSettings, crops: str) -> str:
    """A hash of the settings and of the key of the crops that a layer is made for."""
    return keys.key(settings=settings.model_dump(exclude={"weights"}), crops=crops)


def parse(crops: Path, settings: ParseSettings, out: Path, force: bool = False) -> bool:
    """Write the parsing layer that belongs to `crops`; False when `out` is finished already.

    The layer holds `parsing` N x 256 x 256 uint8 in 0..12, `video` and `frame` as in the crops.
    force: make it again even when the key says that it is finished.
    """
    with layers.open_input(crops, "crop", NEEDED) as file:
        purpose = made_for(settings, str(file.attrs["key"]))
        key = keys.key(
            stage="parsing",
            version=VERSION,
            made_for=purpose,
            versions=keys.versions(PACKAGES),
        )
        if not force and keys.stored_key(out) == key:
            return False
        from labels.parsing import facemesh

        frames, videos = file["frame"][:], file["video"][:]
        affines, landmarks, images = file["affine"], file["landmarks_refined"], file["image"]
        maps = (
            facemesh.parse(images[i], landmarks[i], affines[i])[None] for i in range(len(frames))
        )
        parsing = Rows(len(frames), (IMAGE_SIDE, IMAGE_SIDE), "|u1", maps)
        arrays = {"parsing": parsing, "frame": frames, "video": videos}
        attributes = {"key": key, "made_for": purpose, "stage": "parsing"}
        layers.write(out, attributes, arrays, [])
    return True
