"""Keeps task ids that somebody named, and about which Kling is yet to be asked."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from kling_daemon.store.bulk import BulkInsert
from kling_daemon.store.statements import Statements

HINT_LIMIT = 10_000
"""The most hints that wait at a time, signed ones apart; of more, those in the middle give way, and are counted."""

HintRow = tuple[int, str, str, int, int]
"""Row number, account, task id, when it came, and 1 if it was signed, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A task id that waits."""

    task_id: str
    again: int
    """How often it was named again while it waited."""


class HintDesk:
    """The operations on hints: each task id once, and of a flood the first ones and the last ones.

    What waits when a flood begins is not driven out by it, nor is what comes when it has ended; while it lasts, a true
    one fares as each of the invented ones.
    """

    def __init__(self, *, account: str, limit: int) -> None:
        """Take how many may wait."""
        self._account = account
        self._limit = limit
        self._sql = Statements("hints")
        self._save = BulkInsert(self._sql["save_hint"], "(?, ?, ?, ?, 0, ?)")

    def keep(self, db: sqlite3.Connection, rows: Sequence[HintRow]) -> int:
        """Keep hints and return how many gave way."""
        self._save.run(db, rows)
        return sum(self._evict(db, weight) for weight in sorted({row[-1] for row in rows}))

    def _evict(self, db: sqlite3.Connection, weight: int) -> int:
        first = self._limit // 2
        values = {"weight": weight, "first": first - 1, "last": self._limit - first - 1}
        return db.execute(self._sql["evict_hints"], values).rowcount

    def drop(self, db: sqlite3.Connection, units: Sequence[Hint]) -> list[None]:
        """Forget hints, as Kling has been asked; those stay that were named again meanwhile."""
        db.executemany(self._sql["drop_hint"], [(hint.task_id, hint.again, self._account) for hint in units])
        return [None] * len(units)
