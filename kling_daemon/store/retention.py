"""Removes what is old, a few rows at a time: ended jobs with all that hangs on them, then what belongs to nothing."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from kling_daemon.clock import Clock, to_millis
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.passages import Passage
from kling_daemon.store.statements import Statements

_MILLISECOND = timedelta(milliseconds=1)
_WINDOW = 100
"""How many rows one transaction looks at."""

_JOBS = 10
"""How many jobs it removes at most."""

_ROWS = 500
"""How many reports, attempts or steps it removes at most; a job with more of them takes several transactions."""


class OldRows(StrEnum):
    """What is removed when it is old, in this order: a callback goes after its job."""

    JOBS = "jobs"
    CALLBACKS = "callbacks"
    NOTICES = "notices"
    HINTS = "hints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A wish to remove a few rows."""

    rows: OldRows
    keep: timedelta
    """What is older than that is old."""
    after: int = 0
    """Where the last one of this kind has come to."""


class RetentionDesk:
    """The operation behind `Store.sweep`.

    How old something is counts back from the latest moment that Kling has named, or from our own clock where that is
    earlier: a wall clock that is wrongly far in the future makes nothing old. While Kling tells nothing new, nothing
    becomes older.

    What it leaves behind a crash can be read, and is found again: a job goes together with its events and deliveries;
    its attempts, steps and reports may go before, its callbacks after it.
    """

    def __init__(self, *, clock: Clock) -> None:
        """Take our own clock."""
        self._clock = clock
        self._sql = Statements("retention")

    def sweep(self, db: sqlite3.Connection, units: Sequence[Sweep]) -> list[Passage]:
        """Remove a few rows for each unit."""
        sweeps = {
            OldRows.JOBS: self._jobs,
            OldRows.CALLBACKS: self._callbacks,
            OldRows.NOTICES: self._notices,
            OldRows.HINTS: self._hints,
        }
        now = self._earlier_now(db)
        if now is None:
            return [Passage(changed=0, after=None)] * len(units)
        return [sweeps[unit.rows](db, now - unit.keep // _MILLISECOND, unit.after) for unit in units]

    def _earlier_now(self, db: sqlite3.Connection) -> int | None:
        """Return what time it is by Kling or by us, whichever is earlier; None while Kling has named no moment."""
        (klings,) = db.execute(self._sql["klings_latest"]).fetchone()
        return None if klings is None else min(klings, to_millis(self._clock.now()))

    def _jobs(self, db: sqlite3.Connection, before: int, after: int) -> Passage:
        window = db.execute(self._sql["events"], (after, _WINDOW)).fetchall()
        if all(occurred_at >= before for *_, occurred_at in window):
            # A whole window, and not the first young one: a clock that was wrong for a while must not stop it for ever.
            return Passage(changed=0, after=None)
        ended = [(seq, job) for seq, job, is_end, occurred_at in window if is_end and occurred_at < before][:_JOBS]
        seq = ended[-1][0] if len(ended) == _JOBS else window[-1][0]
        named = {"jobs": to_json_text([job for _, job in ended]), "before": before}
        jobs = [job for (job,) in db.execute(self._sql["removable_jobs"], named)]
        if not jobs:
            return Passage(changed=0, after=seq)
        text = to_json_text(jobs)
        if db.execute(self._sql["remove_reports"], (text, _ROWS)).rowcount == _ROWS or not self._remove_deliveries(
            db, "deliveries_of_jobs", text
        ):
            return Passage(changed=0, after=after)
        for statement in ("remove_events", "remove_submissions", "remove_jobs"):
            db.execute(self._sql[statement], (text,))
        return Passage(changed=len(jobs), after=seq)

    def _callbacks(self, db: sqlite3.Connection, before: int, after: int) -> Passage:
        window = db.execute(self._sql["callbacks"], (after, _WINDOW)).fetchall()
        old = _old(window, before)
        if not old:
            return Passage(changed=0, after=None)
        named = {"callbacks": to_json_text(old), "before": before}
        return Passage(changed=db.execute(self._sql["remove_callbacks"], named).rowcount, after=window[-1][0])

    def _notices(self, db: sqlite3.Connection, before: int, after: int) -> Passage:
        window = db.execute(self._sql["notices"], (after, _JOBS)).fetchall()
        old = _old(window, before)
        if not old:
            return Passage(changed=0, after=None)
        named = {"notices": to_json_text(old), "before": before}
        notices = [notice for (notice,) in db.execute(self._sql["removable_notices"], named)]
        text = to_json_text(notices)
        if not self._remove_deliveries(db, "deliveries_of_notices", text):
            return Passage(changed=0, after=after)
        db.execute(self._sql["remove_notices"], (text,))
        return Passage(changed=len(notices), after=window[-1][0])

    def _hints(self, db: sqlite3.Connection, before: int, _after: int) -> Passage:
        removed = db.execute(self._sql["remove_hints"], (before, _WINDOW)).rowcount
        return Passage(changed=removed, after=0 if removed == _WINDOW else None)

    def _remove_deliveries(self, db: sqlite3.Connection, of: str, owners: str) -> bool:
        """Remove deliveries with what hangs on them; False while that is too much for one transaction."""
        text = to_json_text([seq for (seq,) in db.execute(self._sql[of], (owners,))])
        for statement in ("remove_attempts", "remove_steps"):
            if db.execute(self._sql[statement], (text, _ROWS)).rowcount == _ROWS:
                return False
        db.execute(self._sql["remove_deliveries"], (text,))
        return True


def _old(window: Sequence[Sequence[Any]], before: int) -> list[int]:
    return [seq for seq, at in window if at < before]
