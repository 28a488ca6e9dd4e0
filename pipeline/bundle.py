"""The bundle: a manifest and HDF5 shards, the only thing that training reads.

This module is the format: names, dtypes, units, schema version, writer and reader. It imports
numpy and h5py alone, so that train/ and strangers may use it, who may copy this one file.
docs/bundle.md says it in prose.

Pixels lie contiguous and uncompressed in each shard and are read through a memory map.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

SCHEMA = 1
"""Version of the format. A reader refuses what is newer; older versions do not exist yet."""

MANIFEST = "bundle.json"
IMAGE_SIDE = 256
DEPTH_SIDE = 32
CLASSES = 13
LIBVER = ("v110", "v110")  # what h5dump of today's distributions can still read


class Field(NamedTuple):
    """One dataset of a shard: its dtype (None: fixed-length UTF-8), shape a sample, and meaning."""

    dtype: str | None
    shape: tuple[int, ...]
    meaning: str


FIELDS: dict[str, Field] = {
    "affine": Field("<f8", (2, 3), "frame to crop, pixels, pixel centres at +0.5"),
    "attack": Field(None, (), "attack type; empty for live"),
    "brightness": Field("<f4", (), "mean grey of the crop, 0 to 1"),
    "checksum": Field(None, (), "sha256 of the sample's image, depth and parsing bytes, in hex"),
    "depth": Field("<f4", (DEPTH_SIDE, DEPTH_SIDE), "pseudo-depth, 0 background to 1 nearest"),
    "detection_score": Field(
        "<f4", (), "the face detector's score, 0 to 1; NaN where the place was given"
    ),
    "device": Field(None, (), "capture device as its dataset names it; may be empty"),
    "face_size": Field("<f4", (), "side of the face square in frame pixels"),
    "faces": Field("|u1", (), "how many faces the frame shows, at most 255; 1 where it was given"),
    "frame": Field("<i4", (), "frame number in decoding order, from 0"),
    "image": Field("|u1", (IMAGE_SIDE, IMAGE_SIDE, 3), "RGB crop, 0 to 255"),
    "instrument": Field(None, (), "presentation attack instrument; empty for live"),
    "landmarks": Field("<f4", (468, 3), "face mesh in frame pixels, z in the same unit"),
    "live": Field("|u1", (), "1 live, 0 spoof"),
    "padding": Field("<f4", (), "share of the crop outside the frame, filled with black, 0 to 1"),
    "parsing": Field("|u1", (IMAGE_SIDE, IMAGE_SIDE), "face-parsing class, 0 to 12"),
    "pitch": Field("<f4", (), "degrees, up is positive; NaN where no pose fits"),
    "roll": Field(
        "<f4", (), "degrees, clockwise in the picture is positive; NaN where no pose fits"
    ),
    "session": Field(None, (), "session as its dataset names it; may be empty"),
    "sharpness": Field("<f4", (), "variance of the Laplacian of the grey crop (0 to 255)"),
    "shipped_distance": Field(
        "<f4",
        (),
        "from the dataset's own face position, in sides of the face square; NaN without",
    ),
    "subject": Field(None, (), "subject, unique in its dataset"),
    "video": Field(None, (), "path of the video, relative to its dataset's root"),
    "yaw": Field("<f4", (), "degrees, to the subject's left is positive; NaN where no pose fits"),
}
"""Every dataset of a shard, in the order in which it is created."""

PIXELS = ("image", "depth", "parsing")


class BundleError(Exception):
    """A bundle that cannot be read: which file, and why."""


def sample_checksum(image: np.ndarray, depth: np.ndarray, parsing: np.ndarray) -> str:
    """Sha256 in hex over the bytes of the three arrays, in that order, as stored."""
    digest = hashlib.sha256()
    for array in (image, depth, parsing):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def fixed_strings(values: Sequence[str]) -> np.ndarray:
    """UTF-8 strings padded with zeros to the longest, at least one byte: an array of dtype S."""
    encoded = [value.encode("utf-8") for value in values]
    return np.array(encoded, dtype=f"S{max(1, *(len(e) for e in encoded), 1)}")


def create(file: h5py.File | h5py.Group, name: str, array: np.ndarray) -> h5py.Dataset:
    """Create a contiguous dataset without a time stamp; byte strings become fixed-length UTF-8."""
    if array.dtype.kind == "S":
        # A view: astype sees no difference, and drops the mark that says UTF-8.
        array = array.view(h5py.string_dtype("utf-8", array.dtype.itemsize))
    return file.create_dataset(name, data=array, track_times=False)


def read_strings(dataset: h5py.Dataset) -> np.ndarray:
    """Read a fixed-length UTF-8 dataset as a numpy array of str."""
    return np.char.decode(dataset[:].astype(f"S{dataset.dtype.itemsize}"), "utf-8")


def open_new(path: Path) -> h5py.File:
    """Open a new HDF5 file whose bytes depend on nothing but what is written into it."""
    return h5py.File(
        path, "w", libver=LIBVER, alignment_threshold=4096, alignment_interval=4096
    )  # page-aligned, so that a memory map of a dataset starts on a page


def write_shard(
    path: Path,
    attributes: Mapping[str, str | int],
    columns: Mapping[str, np.ndarray],
    pixels: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    """Write one shard.

    attributes: of the file (dataset, split, key, settings, versions ... as text or integers).
    columns: every name of FIELDS but image, depth, parsing and checksum; N entries each, text as
        arrays of dtype S.
    pixels: N triples (image, depth, parsing), taken one at a time, so memory stays flat.
    """
    samples = len(columns["frame"])
    checksums: list[str] = []
    with open_new(path) as file:
        for name in sorted({*attributes, "schema"}):
            file.attrs[name] = attributes.get(name, SCHEMA)
        for name in PIXELS:
            field = FIELDS[name]
            file.create_dataset(
                name,
                shape=(samples, *field.shape),
                dtype=field.dtype,
                track_times=False,
                fill_time="never",
            )
        for index, sample in enumerate(pixels):
            for name, array in zip(PIXELS, sample, strict=True):
                file[name][index] = array
            checksums.append(sample_checksum(*sample))
        if len(checksums) != samples:
            raise ValueError(f"{path}: {samples} samples announced, {len(checksums)} given")
        for name, field in FIELDS.items():
            if name in PIXELS:
                continue
            array = fixed_strings(checksums) if name == "checksum" else columns[name]
            if field.dtype is not None:
                array = np.asarray(array, field.dtype)
            create(file, name, array)
        for name, field in FIELDS.items():
            file[name].attrs["meaning"] = field.meaning


class Shard:
    """One shard, open for reading: pixels as memory maps, the other fields as arrays.

    Attributes are the names of FIELDS. image, depth and parsing are read-only memory maps of
    N x 256 x 256 x 3 uint8, N x 32 x 32 float32 and N x 256 x 256 uint8; text fields are numpy
    arrays of str. Safe to use in forked or spawned workers: nothing of HDF5 stays open.
    """

    image: np.ndarray
    depth: np.ndarray
    parsing: np.ndarray
    live: np.ndarray
    frame: np.ndarray
    video: np.ndarray
    attack: np.ndarray
    instrument: np.ndarray
    subject: np.ndarray
    affine: np.ndarray
    landmarks: np.ndarray
    shipped_distance: np.ndarray
    yaw: np.ndarray

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.name = self.path.name
        try:
            file = h5py.File(self.path, "r")
        except OSError as error:
            raise BundleError(f"{self.path}: not a readable HDF5 file: {error}") from error
        with file:
            schema = file.attrs.get("schema")
            if schema != SCHEMA:
                raise BundleError(f"{self.path}: schema {schema}, this reader knows {SCHEMA}")
            for name in ("dataset", "split"):
                if name not in file.attrs:
                    raise BundleError(f"{self.path}: the attribute '{name}' is missing")
            self.attributes = {name: file.attrs[name] for name in sorted(file.attrs)}
            self.dataset = str(file.attrs["dataset"])
            self.split = str(file.attrs["split"])
            for name, field in FIELDS.items():
                if name not in file:
                    raise BundleError(f"{self.path}: the dataset '{name}' is missing")
                stored = file[name]
                wanted = (len(file["frame"]), *field.shape)
                if stored.shape != wanted or (field.dtype and stored.dtype != field.dtype):
                    raise BundleError(
                        f"{self.path}: '{name}' is {stored.shape} {stored.dtype}, it must be"
                        f" {wanted} {field.dtype or 'text'}"
                    )
                if name in PIXELS:
                    array = self._map(stored)
                elif field.dtype is None:
                    array = read_strings(stored)
                else:
                    array = stored[:]
                setattr(self, name, array)

    def _map(self, stored: h5py.Dataset) -> np.ndarray:
        offset = stored.id.get_offset()
        if not len(stored):  # HDF5 allocates nothing for an empty dataset
            return np.empty(stored.shape, stored.dtype)
        if offset is None:
            raise BundleError(f"{self.path}: '{stored.name}' is not stored contiguously")
        return np.memmap(self.path, stored.dtype, "r", offset=offset, shape=stored.shape)

    def __len__(self) -> int:
        return len(self.frame)


class Bundle:
    """A bundle open for reading.

    folder: the folder that holds bundle.json and the shards.
    Raises BundleError when the manifest is missing, not JSON, or of another schema.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        path = self.folder / MANIFEST
        try:
            self.manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BundleError(f"{path}: not a readable manifest: {error}") from error
        schema = self.manifest.get("schema") if isinstance(self.manifest, dict) else None
        if schema != SCHEMA:
            raise BundleError(f"{path}: schema {schema}, this reader knows {SCHEMA}")
        for name in ("shards", "failures"):
            if not isinstance(self.manifest.get(name), list):
                raise BundleError(f"{path}: the list '{name}' is missing")

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets in the bundle, sorted."""
        return sorted({shard["dataset"] for shard in self.manifest["shards"]})

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What gave no sample: dataset, split, video, frame (-1: the video), ..., reason."""
        return list(self.manifest["failures"])

    @property
    def spoof_depth(self) -> str:
        """`zero`, or `raw` where spoofs keep what the depth back end made of them, for study."""
        return str(self.manifest.get("spoof_depth", "zero"))

    def shards(self, dataset: str, splits: Sequence[str] | None = None) -> list[Shard]:
        """Open the shards of one dataset, in order of their names, of all or the given splits."""
        return list(self._open(dataset, splits))

    def _open(self, dataset: str, splits: Sequence[str] | None) -> Iterator[Shard]:
        for entry in sorted(self.manifest["shards"], key=lambda entry: entry["file"]):
            if entry["dataset"] == dataset and (splits is None or entry["split"] in splits):
                if Path(entry["file"]).name != entry["file"]:
                    raise BundleError(f"{self.folder}: '{entry['file']}' is not a plain file name")
                yield Shard(self.folder / entry["file"])
