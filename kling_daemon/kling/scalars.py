"""Reads single JSON values that should be an id, a text, a time or a number, and are None where they are not.

Everything that comes out can be stored, logged and sent: no lone surrogates, no control characters, bounded lengths.
"""

from datetime import datetime
from typing import Any

from kling_daemon.clock import from_millis

MAX_LABEL = 256
MAX_MESSAGE = 2_000

_MAX_NUMBER = 10**64
_MAX_MILLIS = 10**13  # the year 2286; beyond it a number is something else than a time
_SECONDS_BELOW = 10**11  # as milliseconds this would be 1973
_MAX_DECIMAL = 40
_TIME_DIGITS = len(str(_MAX_MILLIS))
_NUMBERS = frozenset({int, float})  # and not `bool`, which `isinstance` would take for an integer


def read_identifier(value: Any) -> str | None:
    """Return a task's id: printable ASCII without spaces; a positive integer is taken for its digits.

    A comma is refused, since `GET /tasks?task_ids=` would take the id for two.
    """
    text = read_label(value)
    return text if text is not None and text.isascii() and " " not in text and "," not in text else None


def read_label(value: Any) -> str | None:
    """Return a short, non-empty, printable string (an id, a name, a word) as it stands."""
    if isinstance(value, str):
        return value if 0 < len(value) <= MAX_LABEL and value.isprintable() else None
    return str(value) if type(value) is int and 0 < value < _MAX_NUMBER else None


def read_message(value: Any) -> str:
    """Return text for people, cut to a sane length; empty when there is none."""
    if not isinstance(value, str) or not value:
        return ""
    text = value[:MAX_MESSAGE]
    if text.isascii() and text.isprintable():
        return text
    # Lone surrogates would fail when the text is stored, and control characters could forge log lines.
    return "".join(char if char.isprintable() else " " for char in text).strip()


def read_moment(value: Any) -> datetime | None:
    """Return the moment that a number of milliseconds, or below 1e11 of seconds, since 1970 names."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= _TIME_DIGITS):
            return None
        value = int(value)
    if type(value) not in _NUMBERS or not 0 < value < _MAX_MILLIS:
        return None
    return from_millis(int(value * 1_000 if value < _SECONDS_BELOW else value))


def read_decimal(value: Any) -> str | None:
    """Return a decimal number as Kling's string; a JSON number becomes the shortest string that means it."""
    if isinstance(value, str):
        return value if _is_decimal(value) else None
    if type(value) not in _NUMBERS or not -_MAX_NUMBER < value < _MAX_NUMBER:
        return None
    text = str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".")
    return text if _is_decimal(text) else None


def _is_decimal(text: str) -> bool:
    if len(text) > _MAX_DECIMAL or not text.isascii():
        return False
    return text.isdigit() or text.removeprefix("-").replace(".", "", 1).isdigit()
