"""Cursors: where the next part of a list begins, as text that means nothing to its reader."""

import base64
import binascii

from kling_daemon.api.problems import bad_request

_BYTES = 8
_GREATEST = 2**62


def to_cursor(row: int) -> str:
    """Return the cursor that stands for a row's number."""
    return base64.urlsafe_b64encode(row.to_bytes(_BYTES, "big")).decode().rstrip("=")


def from_cursor(text: str, *, least: int = 1, name: str = "cursor") -> int:
    """Return the row's number again; a ProblemError for text that no list has answered.

    least: 0 where the place before the first row has a cursor as well. name: what the text was given as.
    """
    try:
        row = int.from_bytes(base64.b64decode(f"{text}=", altchars=b"-_", validate=True), "big")
    except (binascii.Error, ValueError):
        row = -1
    if not least <= row < _GREATEST or to_cursor(row) != text:
        raise bad_request(f"{name} must be a cursor, such as the `next` of an earlier answer")
    return row
