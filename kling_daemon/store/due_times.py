"""Brings due times forward after the wall clock was set back: they would lie too far in the future."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kling_daemon.clock import Clock, to_millis
from kling_daemon.store.passages import Passage
from kling_daemon.store.statements import Statements

_WINDOW = 500
"""How many rows one transaction looks at."""


class Waiting(StrEnum):
    """What waits for its time."""

    DELIVERIES = "deliveries"
    SUBMISSIONS = "submissions"
    POLLS = "polls"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBack:
    """A wish to bring the due times of a few rows forward."""

    waiting: Waiting
    by: timedelta
    """By how much the clock was set back."""
    after: int = 0
    """Where the last one of this kind has come to."""


class DueTimeDesk:
    """The operation behind `Store.bring_forward`."""

    def __init__(self, *, clock: Clock) -> None:
        """Take the clock, which shows the new time."""
        self._clock = clock
        self._sql = Statements("due_times")

    def bring_forward(self, db: sqlite3.Connection, units: Sequence[SetBack]) -> list[Passage]:
        """Look at a few rows for each unit; what lies in the future falls due sooner, at once at the soonest."""
        return [self._bring_forward(db, unit) for unit in units]

    def _bring_forward(self, db: sqlite3.Connection, unit: SetBack) -> Passage:
        kind = unit.waiting.value
        (last,) = db.execute(self._sql[f"{kind}_window"], (unit.after, _WINDOW)).fetchone()
        if last is None:
            return Passage(changed=0, after=None)
        values = {
            "now": to_millis(self._clock.now()),
            "by": unit.by // timedelta(milliseconds=1),
            "after": unit.after,
            "last": last,
        }
        return Passage(changed=db.execute(self._sql[kind], values).rowcount, after=last)
