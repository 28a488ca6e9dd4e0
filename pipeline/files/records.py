"""CSV files written by hand: read row by row, every mistake told with its line and field."""

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.errors import UserError

LONGEST_LABEL = 200
"""Letters that a subject, an attack, an instrument, a session or a device may have."""
LARGEST_TABLE = 2_000_000_000
"""Bytes of a table: some ten million rows, which are kept in memory."""
_LONGEST_LINE = 1_000_000


class Record(NamedTuple):
    """One row: the line on which it begins, and the text of each column, "" where it has none."""

    line: int
    fields: dict[str, str]


def shown(value: str) -> str:
    """A value as it may stand in a message of one line: quoted, escaped, not too long."""
    return repr(value if len(value) <= 80 else value[:77] + "...")


def is_plain(text: str) -> bool:
    """Whether the text has no control character, no line break and can be written as UTF-8."""
    if text.isprintable():  # nearly always, and quick
        return True
    # Cc: control, Cs: half a character (a file name that is no UTF-8), Zl and Zp: line breaks.
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


PATHS = ("path", "subject", "video")
"""Columns that hold a path, or a part of one."""


def is_plain_path(path: str) -> bool:
    """Whether a file's path is plain; it may have line feeds as well, since disks let it."""
    return is_plain(path.replace("\n", ""))


def spelling(path: str) -> str:
    """A path in lower case and one Unicode form (NFC): equal for paths that a disk which ignores
    case, or a person, takes for one.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).lower())


def same_person(subject: str) -> str:
    """A subject's name in a form that is equal for two ways of writing it: case, Unicode form and
    repeated spaces do not count.
    """
    return spelling(" ".join(subject.split()))


def read_records(
    path: Path, key: str, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[Record]:
    """The rows of a CSV file, in order.

    Blank lines, rows of empty fields, and spaces around a field do not count. The file is UTF-8,
    with or without a byte order mark, its fields separated by commas. The first line names the
    columns, in any order and case. key: what names this file in the configuration, for the message
    when it cannot be read. required, optional: names of columns. Raises UserError, with file, line
    and field, where anything of this is not so; for a column that is missing, unknown or there
    twice; for a row with too many or too few fields, and for a control character or a line break in
    a field.
    """
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot read this table: {error}; set {key} to a CSV") from None
    with file:
        rows = _rows(path, file)
        line, header = next(rows, (1, []))
        names = _columns(f"{path}: line {line}", header, required, optional)
        for line, values in rows:
            where = f"{path}: line {line}"
            if len(values) != len(names):
                raise UserError(
                    f"{where}: {len(values)} fields, but {len(names)} columns in the first line;"
                    " a field with a comma in it needs quotes"
                )
            fields = dict.fromkeys((*required, *optional), "")
            for name, value in zip(names, values, strict=True):
                if not (is_plain_path if name in PATHS else is_plain)(value):
                    raise UserError(
                        f"{where}: {name} is {shown(value)}: it has a control character or a line"
                        " break; take it out"
                    )
                fields[name] = value
            yield Record(line, fields)


def _columns(
    where: str, header: list[str], required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    names = [name.lower() for name in header]
    wanted = f"the columns are {', '.join(required)}"
    if optional:
        wanted += f" and, optional, {', '.join(optional)}"
    if len(set(required) & set(names)) < len(required):
        for mark, called in ((";", "semicolons"), ("\t", "tabs")):
            if any(mark in name for name in names):
                raise UserError(
                    f"{where}: the columns are separated by {called}; save the table with commas"
                )
    for number, name in enumerate(names, 1):
        if not name:
            raise UserError(f"{where}: column {number} has no name; {wanted}")
        if name not in required and name not in optional:
            raise UserError(f"{where}: unknown column {shown(name)}; {wanted}")
        if names.index(name) != number - 1:
            raise UserError(f"{where}: the column {name} stands twice")
    for name in required:
        if name not in names:
            raise UserError(f"{where}: the column {name} is missing; {wanted}")
    return names


def _rows(path: Path, file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line on which it begins."""
    reader = csv.reader(_lines(path, file), strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise UserError(
                f"{path}: line {line}: not a row of a CSV ({error}); a field in quotes ends with a"
                ' quote, and a quote inside it is written ""'
            ) from None
        if values is None:
            return
        if any(value.strip() for value in values):
            yield line, [value.strip(" ") for value in values]


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines, decoded one by one: a video named by mistake is not read whole."""
    number = size = 0
    while True:
        number += 1
        try:
            line = file.readline(_LONGEST_LINE)
        except OSError as error:
            raise UserError(f"{path}: line {number}: cannot read on: {error}") from None
        if not line:
            return
        size += len(line)
        if size > LARGEST_TABLE:
            raise UserError(
                f"{path}: line {number}: more than {LARGEST_TABLE} bytes; is this file a table?"
            )
        if len(line) == _LONGEST_LINE:
            raise UserError(f"{path}: line {number} has no end; is this file a CSV?")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UserError(
                f"{path}: line {number}: this is not UTF-8; save the table as CSV UTF-8"
            ) from None
