"""Reads the ids of tasks from files: one on a line, CSV, or whatever Kling has answered."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from kling_daemon.cli.batch_files import Form, Mistake, records_of
from kling_daemon.client.models import NamedTaskModel
from kling_daemon.kling.bodies import UnreadableError
from kling_daemon.kling.dialects import entries_of, task_id_of
from kling_daemon.kling.scalars import read_identifier, read_label

Found = tuple[int, NamedTaskModel]
_NONE = "it names no task"


def tasks_of(file: BinaryIO, form: Form, endpoint: str | None, tags: Mapping[str, str]) -> Iterator[Found | Mistake]:
    """Yield each task that a file names, with the number of its line, or what is wrong with the line.

    JSONL: on each line an id, a task object of Kling's or an answer of Kling's that holds several; the file may also be
    one answer over many lines. CSV: a column `task_id` or `id`; if need be `endpoint`, `external_id` and `tags.NAME`.
    """
    raw = file.read()
    if form is Form.CSV:
        for record in records_of(io.BytesIO(raw), form):
            if isinstance(record, Mistake):
                yield record
            else:
                yield from _named(record.number, record.value, endpoint, tags)
        return
    try:
        whole = json.loads(raw)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict | list):
        yield from _named(1, whole, endpoint, tags)
        return
    for number, line in enumerate(raw.splitlines(), start=1):
        if text := line.decode(errors="replace").strip():
            yield from _line(number, text, endpoint, tags)


def _line(number: int, text: str, endpoint: str | None, tags: Mapping[str, str]) -> Iterator[Found | Mistake]:
    if not text.startswith(("{", "[", '"')):  # ids of some years are no JSON
        yield from _named(number, text, endpoint, tags)
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Mistake(number=number, message=f"it is not JSON: {error}")
    else:
        yield from _named(number, value, endpoint, tags)


def _named(number: int, value: Any, endpoint: str | None, tags: Mapping[str, str]) -> Iterator[Found | Mistake]:
    entries = _entries(value)
    if not entries:
        yield Mistake(number=number, message=_NONE)
    for entry in entries:
        own: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        task_id = task_id_of(entry) if own else read_identifier(entry)
        if task_id is None:
            yield Mistake(number=number, message=_NONE)
            continue
        own_tags = own.get("tags")
        noted = {str(key): str(text) for key, text in own_tags.items()} if isinstance(own_tags, dict) else {}
        yield (
            number,
            NamedTaskModel(
                task_id=task_id,
                endpoint=read_label(own.get("endpoint")) or endpoint,
                external_id=read_label(own.get("external_id")) or read_label(own.get("external_task_id")),
                tags={**tags, **noted},
            ),
        )


def _entries(value: Any) -> list[Any]:
    """Return the tasks in a value: itself, the list that it is, or what Kling's envelope holds."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and task_id_of(value) is None:
        try:
            return entries_of(value)
        except UnreadableError:
            return []
    return [value]
