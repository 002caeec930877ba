"""Writes many rows with few statements, so that no other thread gets in between row and row.

The interpreter lock is given up and won back at every step of a statement. With a row per step, the event loop would
have to wait once per row for a plugin's thread that computes; with many rows in one statement it waits once.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

_CHUNKS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows per statement; few different sizes, so that every statement is prepared once and stays in the cache."""


class BulkInsert:
    """An INSERT whose `{rows}` stands for however many rows there are."""

    def __init__(self, template: str, row: str) -> None:
        """Take the statement and one row of it, such as `(?, ?, 'pending')`.

        128 rows must stay below the 32,766 variables that SQLite takes.
        """
        self._statements = {size: template.replace("{rows}", ", ".join([row] * size)) for size in _CHUNKS}

    def run(self, db: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows in their order."""
        start = 0
        for size in _CHUNKS:
            while len(rows) - start >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                db.execute(self._statements[size], values)
                start += size


def marks(count: int) -> str:
    """Return a row of so many values."""
    return f"({', '.join('?' * count)})"
