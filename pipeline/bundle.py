"""The bundle: a manifest and HDF5 shards, the only thing that training reads.

This file is the format (names, dtypes, units, schema version) and its reader. It is one file, and
imports nothing else of this project, on purpose: copy it into a project of your own, where it needs
numpy and h5py alone. Read FIELDS first, then Bundle at the end, then Shard. docs/bundle.md says the
format in prose; pipeline/packing/shard.py writes it, pipeline/verify/check.py checks it.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

SCHEMA = 2
"""Version of the format that is written."""
OLDEST = 2
"""The oldest version that is read. 1 was never released."""

MANIFEST = "bundle.json"
NOTICE = "NOTICE.txt"
SPLITS = ("train", "dev", "test")
IMAGE_SIDE = 256
DEPTH_SIDE = 32
CLASS_NAMES = (
    "background", "skin", "left brow", "right brow", "left eye", "right eye", "eyeglasses",
    "left ear", "right ear", "nose", "mouth", "upper lip", "lower lip",
)  # fmt: skip
"""What the values of `parsing` mean; left is the subject's own, at the right of the picture."""


class Field(NamedTuple):
    """One dataset of a shard.

    dtype: None for fixed-length UTF-8. shape: of one sample. unit: "" where there is none.
    low, high: between which every value lies. nan: whether there may be none. values: what the
    numbers 0, 1, ... mean. listed: whether each shard tells in `values` which texts occur in it.
    """

    dtype: str | None
    shape: tuple[int, ...]
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    nan: bool = False
    listed: bool = False


_IMAGE = (IMAGE_SIDE, IMAGE_SIDE)
FIELDS: dict[str, Field] = {
    "affine": Field("<f8", (2, 3), "pixel", "frame to crop, pixel centres at +0.5"),
    "attack": Field(None, (), "", "attack type; empty for live", listed=True),
    "brightness": Field("<f4", (), "1", "mean grey of the crop", 0, 1),
    "checksum": Field(None, (), "", "sha256 of the bytes of image, depth and parsing, in hex"),
    "depth": Field("<f4", (DEPTH_SIDE,) * 2, "1", "pseudo-depth, 0 background, 1 nearest", 0, 1),
    "detection_score": Field(
        "<f4", (), "1", "the face detector's score; NaN where the face's place was given", 0, 1,
        nan=True,
    ),
    "device": Field(None, (), "", "capture device as its dataset names it; may be empty"),
    "face_size": Field("<f4", (), "pixel", "side of the face square in the frame", 0),
    "faces": Field(
        "|u1", (), "1", "how many faces the frame shows, 255 for more; 1 where the place was given",
        0, 255,
    ),
    "frame": Field("<i4", (), "1", "frame number in decoding order, from 0", 0),
    "image": Field("|u1", (*_IMAGE, 3), "1", "crop: row, column, and red, green, blue", 0, 255),
    "instrument": Field(
        None, (), "", "presentation attack instrument; empty for live", listed=True
    ),
    "landmarks": Field(
        "<f4", (468, 3), "pixel", "face mesh in the frame; z in the same unit, smaller is nearer"
    ),
    "live": Field("|u1", (), "", "whether a living face is before the camera", 0, 1,
                  ("spoof", "live")),
    "padding": Field("<f4", (), "1", "share of the crop outside the frame, black there", 0, 1),
    "parsing": Field("|u1", _IMAGE, "", "face-parsing class", 0, 12, CLASS_NAMES),
    "pitch": Field("<f4", (), "degree", "of the head, up is positive", -180, 180, nan=True),
    "roll": Field(
        "<f4", (), "degree", "of the head, clockwise in the picture is positive", -180, 180,
        nan=True,
    ),
    "session": Field(None, (), "", "session as its dataset names it; may be empty"),
    "sharpness": Field("<f4", (), "1", "variance of the Laplacian of the grey crop (0 to 255)", 0),
    "shipped_distance": Field(
        "<f4", (), "1", "from the dataset's own face position, in sides of the face square; NaN"
        " where there is none", 0, nan=True,
    ),
    "subject": Field(None, (), "", "subject, unique in its dataset"),
    "video": Field(None, (), "", "path of the video below its dataset's root"),
    "yaw": Field(
        "<f4", (), "degree", "of the head, to the subject's left is positive", -180, 180, nan=True
    ),
}  # fmt: skip
"""Every dataset of a sample, in the order in which it is created."""

PIXELS = ("image", "depth", "parsing")

SOURCES = {
    "video": "path of the video below its dataset's root",
    "sha256": "of the file; empty where it was missing or left out",
    "faces_sha256": "of the file of face positions that came with it; empty without one",
    "upside_down": "1: turned by 180 degrees where the file has no display matrix",
}
"""The table `videos`: every video of the shard's split, those that gave nothing included."""
FAILURES = {
    "video": "path of the video below its dataset's root",
    "frame": "frame number; -1: the video, or the rest of it",
    "reason": "why it gave no sample",
}
"""The table `failures` of the shard's split."""


class BundleError(Exception):
    """A bundle that cannot be read: which file, and why."""


def canonical_json(value: Any) -> str:
    """The one text of a manifest: sorted keys, indented by one, no NaN, a newline at the end."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """Sha256 in hex of the canonical text of a manifest without its key `hash`."""
    text = canonical_json({name: value for name, value in manifest.items() if name != "hash"})
    return hashlib.sha256(text.encode()).hexdigest()


def order(dataset: str, video: str, frame: int) -> bytes:
    """The place of a sample in its split: 16 bytes, by which a split is sorted. They are a keyed
    hash of the sample's identity, so that reading in order is already a fair mixture and no worker
    count changes it.
    """
    identity = f"{dataset}\0{video}\0{frame}".encode()
    return hashlib.blake2b(identity, key=b"ocim bundle order", digest_size=16).digest()


def sample_checksum(image: np.ndarray, depth: np.ndarray, parsing: np.ndarray) -> str:
    """Sha256 in hex over the bytes of one sample's three arrays, in that order, as stored: image
    (256, 256, 3) uint8, depth (32, 32) float32, parsing (256, 256) uint8.
    """
    digest = hashlib.sha256()
    for array in (image, depth, parsing):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def check_schema(schema: Any, where: str) -> None:
    """Raise BundleError, with what to do, for a schema that is not read. where: the file."""
    is_number = isinstance(schema, int | np.integer) and not isinstance(schema, bool)
    if is_number and OLDEST <= schema <= SCHEMA:
        return
    if is_number and schema > SCHEMA:
        advice = "a newer ocim made it; update ocim to read it"
    elif is_number:
        advice = "an older ocim made it; run ocim pack again, which makes no label anew"
    else:
        advice = "this is no bundle, or a damaged one; ocim bundle verify says more"
    raise BundleError(f"{where}: schema {schema}, and {OLDEST} to {SCHEMA} are read: {advice}")


class _Place(NamedTuple):
    """Where a field lies in its file; offset None: only HDF5 can tell (chunks, filters, empty)."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int | None


class Shard:
    """One shard, open for reading.

    Fields are attributes, by the names of FIELDS: those of one number or text a sample come as
    arrays (N,), text as str; the larger ones (image, depth, parsing, landmarks, affine) as
    read-only memory maps, or where the file's layout allows none (someone has compressed it) as
    objects that read what is indexed. `read` is the fast way to many samples. Nothing of HDF5 stays
    open, so a shard may be forked, pickled and used by several threads.

    A memory map of a file that is cut in place ends the process, and shows what is written into
    it; `read` tells both as BundleError.

    key: what the shard must carry, "" for anything; sha256 of all that decided its bytes. Its path,
    name, size in bytes, schema, dataset, split and key are attributes as well.
    Raises BundleError for a file that is not such a shard.
    """

    image: Any
    depth: Any
    parsing: Any
    landmarks: Any
    affine: Any

    def __init__(self, path: Path, key: str = "") -> None:
        self.path = Path(path).absolute()  # whatever the working folder is later
        self.name = self.path.name
        try:
            if not self.path.is_file():  # a pipe would be waited for
                raise FileNotFoundError(errno.ENOENT, "No such file")
            self._file = self.path.open("rb")
        except (OSError, ValueError) as error:
            raise BundleError(f"{self.path}: {getattr(error, 'strerror', error)}") from None
        status = os.fstat(self._file.fileno())
        self.size, self._changed_ns = status.st_size, status.st_mtime_ns
        with self._hdf5() as file:
            self._read_header(file)
        if key and key != self.key:
            raise BundleError(
                f"{self.path}: not the shard that is expected here: it was packed anew, or comes"
                " from another bundle; open the bundle again, or run ocim pack"
            )

    @contextmanager
    def _hdf5(self) -> Iterator[h5py.File]:
        """The file as HDF5 opens it by its path; BundleError where another lies there by now."""
        try:
            with h5py.File(self.path, "r") as file:
                if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                    raise BundleError(f"{self.path}: replaced since it was opened; open it again")
                yield file
        except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
            # Whatever a damaged file makes of HDF5, h5py and numpy.
            raise BundleError(
                f"{self.path}: not a readable shard, or no more there:"
                f" {' '.join(str(error).split())}; ocim bundle verify says more"
            ) from None

    def _read_header(self, file: h5py.File) -> None:
        check_schema(file.attrs.get("schema"), str(self.path))
        for name in ("dataset", "split", "key", "provenance"):
            if name not in file.attrs:
                raise BundleError(f"{self.path}: the attribute '{name}' is missing")
        self.schema = int(file.attrs["schema"])
        self.dataset, self.split, self.key = (
            str(file.attrs[name]) for name in ("dataset", "split", "key")
        )
        if not isinstance(file.get("frame"), h5py.Dataset) or file["frame"].ndim != 1:
            raise BundleError(f"{self.path}: the dataset 'frame' is missing")
        self._count = len(file["frame"])
        self._places: dict[str, _Place] = {}
        for name in FIELDS:
            # What is missing is told when it is asked for; no link is followed elsewhere.
            if isinstance(file.get(name, getlink=True), h5py.HardLink):
                self._places[name] = self._place_in(file[name], name)

    def _place_in(self, stored: Any, name: str) -> _Place:
        """Where a field lies; BundleError where it is not stored as FIELDS says."""
        field = FIELDS[name]
        wanted = (self._count, *field.shape)
        fits = isinstance(stored, h5py.Dataset) and stored.shape == wanted
        if not fits or (stored.dtype != field.dtype if field.dtype else stored.dtype.kind != "S"):
            found = f"{getattr(stored, 'shape', '')} {getattr(stored, 'dtype', 'a group')}"
            raise BundleError(
                f"{self.path}: '{name}' is {found}, it must be {wanted} {field.dtype or 'text'}"
            )
        if stored.external:
            raise BundleError(f"{self.path}: '{name}' lies in another file")
        offset = stored.id.get_offset()
        if offset is not None and offset + stored.nbytes > self.size:
            raise BundleError(f"{self.path}: '{name}' reaches beyond the end of the file")
        # Of a text without h5py's mark that it is UTF-8.
        dtype = stored.dtype if field.dtype else np.dtype(f"S{stored.dtype.itemsize}")
        return _Place(wanted, dtype, offset)

    def __len__(self) -> int:
        return self._count

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "key": self.key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file again, as a spawned worker does; BundleError where it is another now."""
        self.__init__(**state)  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(name)
        place, field = self._place(name), FIELDS[name]
        if field.shape and place.offset is not None:
            value: Any = np.memmap(self._file, place.dtype, "r", place.offset, place.shape)
        elif field.shape and self._count:
            value = _Compressed(self, name)
        else:
            value = self.read(name)
        self.__dict__[name] = value
        return value

    def _place(self, name: str) -> _Place:
        if name not in self._places:
            raise BundleError(
                f"{self.path}: the field '{name}' is missing; run ocim pack again to have it"
            )
        return self._places[name]

    def read(self, name: str, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Some samples of a field, all of them without `rows`: (rows, ...); text comes as str.

        Raises IndexError for a row that is not there or is no whole number, BundleError where the
        file has changed since it was opened.
        """
        place, field = self._place(name), FIELDS[name]
        count = self._count if rows is None else len(rows)
        out = np.empty((count, *field.shape), place.dtype)
        if rows is None and place.offset is not None and out.size:
            self._check_unchanged()
            self._copy(place.offset, _bytes_of(out))
        else:
            rows = range(count) if rows is None else rows
            self.read_into({name: out}, rows, range(count))
        try:
            return np.char.decode(out, "utf-8") if field.dtype is None else out
        except UnicodeDecodeError:
            raise BundleError(
                f"{self.path}: '{name}' is no UTF-8: damaged; ocim bundle verify says more"
            ) from None

    def read_into(
        self,
        outs: Mapping[str, np.ndarray],
        rows: Sequence[int] | np.ndarray,
        places: Sequence[int],
    ) -> None:
        """Read samples of several fields into memory that is there: rows[k] to entry places[k].

        outs: C-contiguous arrays of the stored dtypes by the fields' names. The bytes go there from
        the file without a copy between, and Python's lock is free meanwhile. Raises as `read`, and
        ValueError for arrays that cannot take them.
        """
        rows = _row_numbers(rows, self._count, self.name)
        room = min(map(len, outs.values()), default=0)
        places = _row_numbers(places, room, "an array to read into") if outs else []
        self._check_unchanged()
        for name, out in outs.items():
            place = self._place(name)
            kind = (out.shape[1:], out.dtype, out.flags.c_contiguous, out.flags.writeable)
            if kind != (place.shape[1:], place.dtype, True, True):
                raise ValueError(f"{out.shape} {out.dtype} is no array to read '{name}' into")
            if place.offset is None:
                self._decompress(name, out, rows, places)
                continue
            target, size = _bytes_of(out), out.nbytes // max(1, len(out))
            for row, at in zip(rows, places, strict=True):
                self._copy(place.offset + row * size, target[at * size : (at + 1) * size])

    def _check_unchanged(self) -> None:
        status = os.fstat(self._file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self._changed_ns):
            raise BundleError(f"{self.path}: changed while it was read; open the bundle again")

    def _copy(self, position: int, target: memoryview) -> None:
        while target:
            count = os.preadv(self._file.fileno(), [target], position)
            if not count:
                raise BundleError(f"{self.path}: ends at byte {position}, within a sample")
            target, position = target[count:], position + count

    def _decompress(
        self, name: str, out: np.ndarray, rows: Sequence[int], places: Sequence[int]
    ) -> None:
        if not rows:
            return
        with self._hdf5() as file:
            for row, at in zip(rows, places, strict=True):
                out[at] = file[name][row]

    @property
    def provenance(self) -> dict[str, Any]:
        """Settings, back ends, versions and weights that decided the shard's bytes, parsed from
        JSON. Raises BundleError where they cannot be read.
        """
        with self._hdf5() as file:
            return dict(json.loads(str(file.attrs["provenance"])))

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of the table `videos` or `failures`: text as str and numbers as int, by the
        names of SOURCES or FAILURES. Raises BundleError where it cannot be read.
        """
        with self._hdf5() as file:
            group = file[name]
            columns = {
                column: np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
                for column, values in ((c, group[c][:]) for c in sorted(group))
            }
        return [
            dict(zip(columns, (value.item() for value in row), strict=True))
            for row in zip(*columns.values(), strict=True)
        ]


def _row_numbers(numbers: Sequence[int] | np.ndarray, count: int, where: str) -> list[int]:
    """The numbers as int; IndexError unless they are whole and from 0 to before `count`."""
    whole = list(numbers)
    if not all(type(number) is int for number in whole):  # a batch's are, and numpy would cost more
        array = np.asarray(numbers)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise IndexError(
                "samples are named by a list of whole numbers, not by"
                f" {array.ndim} dimensions of {array.dtype}"
            )
        whole = array.tolist()
    if whole and not (min(whole) >= 0 and max(whole) < count):
        raise IndexError(f"{where} has {count} samples, and {whole} were asked for")
    return whole


def _bytes_of(array: np.ndarray) -> memoryview:
    """The memory of a C-contiguous array, to be written into."""
    return memoryview(array.reshape(-1).view(np.uint8).data)


class _Compressed:
    """A field in chunks, read through HDF5 where it is indexed by sample."""

    def __init__(self, shard: Shard, name: str) -> None:
        self.shard, self.name = shard, name
        self.shape, self.dtype, _ = shard._place(name)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        row, *within = index if isinstance(index, tuple) else (index,)
        rows = np.arange(len(self))[row]
        if rows.ndim:
            return self.shard.read(self.name, rows)[(slice(None), *within)]
        return self.shard.read(self.name, [int(rows)])[(0, *within)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.shard.read(self.name).astype(dtype or self.dtype)


class Bundle:
    """A bundle open for reading.

    folder: the folder that holds bundle.json and the shards. hash: of the manifest, which holds the
    sha256 of every shard. Raises BundleError when the manifest is missing, damaged or of a schema
    that is not read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._absolute = self.folder.absolute()  # whatever the working folder is later
        path = self.folder / MANIFEST
        try:
            if path.exists() and not path.is_file():
                raise OSError("no regular file")
            self.manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{path}: not a readable manifest: {error}") from None
        if not isinstance(self.manifest, dict):
            raise BundleError(f"{path}: not a manifest: {type(self.manifest).__name__}")
        check_schema(self.manifest.get("schema"), str(path))
        self.hash = str(self.manifest.get("hash"))
        try:
            right = self.hash == manifest_hash(self.manifest)
        except ValueError:  # NaN, or half a surrogate pair
            right = False
        if not right:
            raise BundleError(
                f"{path}: damaged, or edited by hand: it does not fit the hash that it carries; run"
                " ocim pack again"
            )
        for name, kind in (("shards", list), ("failures", list), ("spoof_depth", str)):
            if not isinstance(self.manifest.get(name), kind):
                raise BundleError(f"{path}: '{name}' is missing; run ocim pack again")
        for entry in self.manifest["shards"]:
            texts = ("dataset", "file", "key", "split")
            if not (isinstance(entry, dict) and all(isinstance(entry.get(t), str) for t in texts)):
                raise BundleError(f"{path}: an entry of 'shards' lacks {', '.join(texts)}")

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets in the bundle, sorted."""
        return sorted({shard["dataset"] for shard in self.manifest["shards"]})

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What gave no sample: rows with dataset, split, video, frame (-1: the video), reason, and
        what the index says of the video.
        """
        return list(self.manifest["failures"])

    @property
    def spoof_depth(self) -> str:
        """`zero`, or `raw` where spoofs keep what the depth back end made of them, for study."""
        return str(self.manifest["spoof_depth"])

    def shards(self, dataset: str, splits: Sequence[str] = SPLITS) -> list[Shard]:
        """Open the shards of one dataset, in order of their names, of all or the given splits.

        BundleError for a dataset that the bundle has not, a split that there is not, and a shard
        that is not the manifest's.
        """
        if dataset not in self.datasets:
            raise BundleError(f"{self.folder}: no dataset '{dataset}'; it has {self.datasets}")
        splits = (splits,) if isinstance(splits, str) else splits
        if strange := set(splits) - set(SPLITS):
            raise BundleError(f"no split {sorted(strange)}; there are {', '.join(SPLITS)}")
        return [
            self._open(entry)
            for entry in sorted(self.manifest["shards"], key=lambda entry: entry["file"])
            if entry["dataset"] == dataset and entry["split"] in splits
        ]

    def _open(self, entry: Mapping[str, Any]) -> Shard:
        if Path(entry["file"]).name != entry["file"]:
            raise BundleError(f"{self.folder}: '{entry['file']}' is not a plain file name")
        shard = Shard(self._absolute / entry["file"], entry["key"])
        if shard.size != entry.get("bytes"):
            raise BundleError(
                f"{shard.path}: {shard.size} bytes, by {MANIFEST} {entry.get('bytes')}: damaged;"
                " run ocim pack again"
            )
        return shard
