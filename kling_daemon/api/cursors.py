"""Cursors: where the next part of a list begins, as text that means nothing to its reader.

A cursor is the number of the last row that was shown. Lists are in the order of these numbers, which rise and are given
once only, so that a cursor stays good whatever rows are added or removed meanwhile, its own among them.
"""

import base64
import re

from kling_daemon.client.models import CURSOR_PATTERN

_BYTES = 8
_CURSOR = re.compile(CURSOR_PATTERN, re.ASCII)


def to_cursor(row: int) -> str:
    """Return the cursor that stands for a row's number."""
    return base64.urlsafe_b64encode(row.to_bytes(_BYTES, "big")).decode().rstrip("=")


def from_cursor(text: str) -> int:
    """Return the row's number again; ValueError for text that no list has answered."""
    if not _CURSOR.fullmatch(text):
        raise ValueError("must be a cursor, such as the `next` of an earlier answer")
    return int.from_bytes(base64.urlsafe_b64decode(f"{text}="), "big")
