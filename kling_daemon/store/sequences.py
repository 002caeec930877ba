"""Hands out the rising row numbers: with one writer they can be known before a row is written."""

import itertools
import sqlite3
from collections.abc import Iterator

TABLES = ("jobs", "callbacks", "reports", "events", "notices", "handlers", "deliveries", "hints")


class Sequences:
    """The next row number of each table; a number whose transaction failed is never used again."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Go on after the highest number of each table."""
        self._counters: dict[str, Iterator[int]] = {}
        for table in TABLES:
            (highest,) = db.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()  # noqa: S608 - our own names
            self._counters[table] = itertools.count(highest + 1)

    def next(self, table: str) -> int:
        """Return a number that no row of the table has or had."""
        return next(self._counters[table])
