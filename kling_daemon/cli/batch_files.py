"""Files of many records, JSONL or CSV, read line by line; what is wrong with a line is told and the next one read."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any, BinaryIO, NoReturn

from kling_daemon.cli.batch_fields import FieldError, Place, read_name, read_value, with_value

LONGEST_CELL = 64 * 1024**2
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"


class Form(StrEnum):
    """How a file is written."""

    JSONL = "jsonl"
    """A JSON object on each line."""
    CSV = "csv"
    """A first line that names the columns, then a row for each record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line's content."""

    number: int
    """The line on which it begins, from 1."""
    value: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with one line."""

    number: int
    message: str


def form_of(name: str) -> Form:
    """Return how a file with this name is written."""
    return Form.CSV if PurePath(name).suffix.lower() in {".csv", ".tsv"} else Form.JSONL


def records_of(file: BinaryIO, form: Form) -> Iterator[Record | Mistake]:
    """Yield each line's record or mistake, from the file's beginning; empty lines are passed over."""
    file.seek(0)
    return _json_lines(file) if form is Form.JSONL else _rows(file)


def _json_lines(file: BinaryIO) -> Iterator[Record | Mistake]:
    for number, raw in enumerate(file, start=1):
        text = raw.removeprefix(_BOM) if number == 1 else raw
        if text.strip():
            yield _json_line(number, text)


def _json_line(number: int, raw: bytes) -> Record | Mistake:
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # lone surrogates and 1e999 cannot be sent
    except UnicodeError:
        return Mistake(number=number, message="it is not text in UTF-8")
    except (ValueError, RecursionError) as error:
        return Mistake(number=number, message=f"it is not JSON: {error}")
    if not isinstance(value, dict):
        return Mistake(number=number, message="it is JSON, but no object")
    return Record(number=number, value=value)


def _rows(file: BinaryIO) -> Iterator[Record | Mistake]:
    csv.field_size_limit(LONGEST_CELL)  # a cell may bear a picture
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    number = 1
    try:
        reader = csv.reader(text, delimiter=_delimiter(file), strict=True)
        columns = _columns(next(reader, []))
        number = reader.line_num + 1
        for row in reader:
            if any(row):
                yield _row(number, columns, row)
            number = reader.line_num + 1
    except FieldError as error:
        yield Mistake(number=1, message=str(error))
    except UnicodeDecodeError:
        yield Mistake(number=number, message="here or later the file is not text in UTF-8")
    except csv.Error as error:
        yield Mistake(number=number, message=f"it is no CSV: {error}")
    finally:
        text.detach()  # else it would close the file, which is read again


def _delimiter(file: BinaryIO) -> str:
    """Return what stands between the columns' names: some spreadsheets write semicolons or tabs."""
    head = file.readline().decode(errors="replace")
    file.seek(0)
    return max(_DELIMITERS, key=head.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    place: Place
    is_json: bool


def _columns(names: Sequence[str]) -> list[_Column]:
    if not any(names):
        raise FieldError("it must name the columns, such as endpoint,prompt,settings.duration")
    columns: list[_Column] = []
    body: dict[str, Any] = {}
    for name in names:
        place, is_json = read_name(name)
        before = json.dumps(body)
        body = with_value(body, place, None)
        if json.dumps(body) == before:
            raise FieldError(f"the column {name!r} stands twice, or within another one")
        columns.append(_Column(place=place, is_json=is_json))
    return columns


def _row(number: int, columns: Sequence[_Column], row: Sequence[str]) -> Record | Mistake:
    if len(row) != len(columns):
        return Mistake(number=number, message=f"it has {len(row)} cells, and there are {len(columns)} columns")
    value: dict[str, Any] = {}
    try:
        for column, cell in zip(columns, row, strict=True):
            if cell:
                value = with_value(value, column.place, read_value(cell, is_json=column.is_json))
    except FieldError as error:
        return Mistake(number=number, message=f"column {'.'.join(column.place)!r}: {error}")
    return Record(number=number, value=value)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
