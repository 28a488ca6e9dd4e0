"""Whether the datasets, tables and attributes of an open shard are those of the format.

What they must be is worked out from FIELDS once more, not by the code that writes them.
"""

import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any, TypeVar

import h5py
import numpy as np

from pipeline.bundle import FAILURES, FIELDS, SOURCES, Field, canonical_json
from pipeline.verify.findings import Finding, plain

T = TypeVar("T")
TEXTS = ("dataset", "split", "key", "provenance", "notice")
"""The attributes of the file that are text; `schema` is a number."""
TABLES: dict[str, Mapping[str, str]] = {"failures": FAILURES, "videos": SOURCES}
NUMBERS = ("frame", "upside_down")
"""The columns of the tables that are int32; the others are texts."""


def about(field: Field) -> dict[str, Any]:
    """The attributes of a field's dataset: text as str, limits as float, `values` as a list."""
    said: dict[str, Any] = {
        "dtype": "utf-8" if field.dtype is None else np.dtype(field.dtype).name,
        "meaning": field.meaning,
        "unit": field.unit,
        "low": None if field.low is None else float(field.low),
        "high": None if field.high is None else float(field.high),
        "values": list(field.values) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def value_of(attribute: Any) -> Any:
    """An attribute as h5py gives it, in Python's own types; bytes as UTF-8."""
    if isinstance(attribute, np.ndarray | np.generic):
        attribute = attribute.tolist()
    if isinstance(attribute, bytes):
        return attribute.decode("utf-8", "replace")
    return [value_of(one) for one in attribute] if isinstance(attribute, list) else attribute


def header(file: h5py.File) -> Generator[Finding, None, None]:
    """What is wrong with the attributes of the file.

    Attributes and datasets that are not known here are passed over, as by every reader: a later
    version of the same schema may have them.
    """
    for name in TEXTS:
        value = value_of(file.attrs[name]) if name in file.attrs else None
        if value is None:
            yield Finding("an attribute is missing", f"the attribute '{name}' is missing")
        elif not isinstance(value, str) or not value:
            yield Finding("an attribute has no text", f"the attribute '{name}' has no text")
        elif name == "provenance" and not isinstance(parsed(value), dict):
            yield Finding("the attribute 'provenance' is not the canonical text of an object")


def parsed(text: Any) -> Any:
    """What a canonical JSON text says; None for any other text."""
    try:
        value = json.loads(text)
        return value if canonical_json(value) == text else None
    except (TypeError, ValueError, RecursionError):
        return None


def stored(place: h5py.Group, name: str, kind: type = h5py.Dataset) -> Any:
    """The dataset (or group, by `kind`) of that name if it lies in this file, else None.

    Links are not followed.
    """
    is_here = isinstance(place.get(name, getlink=True), h5py.HardLink)
    found = place[name] if is_here else None
    return found if isinstance(found, kind) else None


def trouble(dataset: h5py.Dataset, dtype: str | None, size: int) -> str:
    """Why a dataset cannot be read as contiguous values of a type; "" where it can.

    dtype: None for fixed-length UTF-8. size: of the file in bytes, in which all must lie.
    """
    if dtype is None:
        text = h5py.check_string_dtype(dataset.dtype)
        if text is None or text.length is None or text.encoding != "utf-8":
            return f"is {plain(str(dataset.dtype))}, it must be fixed-length UTF-8"
    elif dataset.dtype != dtype:
        return f"is {plain(str(dataset.dtype))}, it must be {np.dtype(dtype)}"
    created, offset = dataset.id.get_create_plist(), dataset.id.get_offset()
    if (
        created.get_layout() != h5py.h5d.CONTIGUOUS
        or created.get_nfilters()
        or created.get_external_count()
    ):
        return "is not contiguous in this file; it cannot be mapped into memory"
    if dataset.size and (offset is None or offset + dataset.nbytes > size):
        return "reaches beyond the end of the file"
    return ""


Found = Generator[Finding, None, T]
"""What is wrong with something, and in the end what was read of it."""


def safely(what: str, found: Found[T]) -> Found[T | None]:
    """The same findings; what HDF5 refuses to read is one more, and None is read."""
    try:
        return (yield from found)
    except Exception as error:  # whatever a damaged file makes of HDF5, h5py and numpy
        kind = f"HDF5 cannot read {what}"
        yield Finding(kind, f"{kind}: {plain(str(error)[:150])}")
        return None


def field_layout(file: h5py.File, name: str, samples: int, size: int) -> Found[h5py.Dataset | None]:
    """What is wrong with the layout of a field; its dataset, None where it cannot be read.

    samples: of the shard. size: of the file in bytes.
    """
    field, dataset = FIELDS[name], stored(file, name)
    if dataset is None:
        yield Finding("a field is missing", f"the field '{name}' is missing")
        return None
    wrong = trouble(dataset, field.dtype, size)
    shape = (samples, *field.shape)
    if dataset.shape != shape:
        wrong = f"has the shape {dataset.shape}, it must be {shape}"
    if wrong:
        yield Finding("a field of another layout", f"'{name}' {wrong}")
        return None
    wanted = about(field)
    if field.listed:
        wanted["values"] = sorted({*map(value_of, dataset[:].tolist())}) or [""]
    yield from attributes(dataset, name, wanted)
    return dataset


def attributes(dataset: h5py.Dataset, name: str, wanted: Mapping[str, Any]) -> Iterator[Finding]:
    """Attributes of the dataset `name` that are missing or another than `wanted`."""
    for attribute in sorted(wanted):
        text = f"'{name}': its attribute {attribute}"
        if attribute not in dataset.attrs:
            yield Finding("an attribute is missing", f"{text} is missing")
        elif (found := value_of(dataset.attrs[attribute])) != wanted[attribute]:
            text = f"{text} is {plain(str(found))}, not {plain(str(wanted[attribute]))}"
            yield Finding("an attribute of another value", text)


def table_layout(file: h5py.File, name: str, size: int) -> Found[dict[str, list[Any]] | None]:
    """What is wrong with a table; its columns by their names, None where they cannot be read.

    size: of the file in bytes.
    """
    group = stored(file, name, h5py.Group)
    if group is None:
        yield Finding("a table is missing", f"the table '{name}' is missing")
        return None
    kind = f"the table '{name}' has another layout"
    columns: dict[str, list[Any]] = {}
    for column, meaning in sorted(TABLES[name].items()):
        dataset = stored(group, column)
        wrong = "is missing"
        if dataset is not None:
            wrong = trouble(dataset, "<i4" if column in NUMBERS else None, size)
        if dataset is None or wrong or dataset.ndim != 1:
            yield Finding(kind, f"the table '{name}': '{column}' {wrong or 'is no list'}")
            return None
        yield from attributes(dataset, f"{name}/{column}", {"meaning": meaning})
        columns[column] = [value_of(value) for value in dataset[:].tolist()]
    if len({len(values) for values in columns.values()}) != 1:
        yield Finding(kind, f"the table '{name}': columns of several lengths")
        return None
    return columns
