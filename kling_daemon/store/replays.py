"""Delivers stored events to a handler once more, or for the first time if it came later than they did."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from kling_daemon.clock import Clock, to_millis
from kling_daemon.deliveries import OPEN_STATES
from kling_daemon.events import NoticeKind
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.event_pages import EventFilter
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.notices import NoticeDesk
from kling_daemon.store.queries import Queries
from kling_daemon.store.statements import Statements

LOOKS = 2000
"""How many events one part looks at."""

PART = 500
"""How many deliveries one transaction makes or opens at most: a million at once would hold up callbacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayable:
    """A part of the events that a handler could be given once more."""

    first: tuple[int, ...]
    """Those that it was never given."""
    again: tuple[int, ...]
    """Those whose deliveries are closed."""
    last: int | None
    """The last event that was looked at; None when none follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A wish to give a handler some events once more."""

    handler: str
    events: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it."""

    first: int
    again: int


class ReplayPlans:
    """Looks for what a replay would do; changes nothing."""

    def __init__(self, connection: ReaderConnection) -> None:
        """Take a read-only connection whose rows have names."""
        self._queries = Queries(connection, "replays")

    async def look(self, handler: str, wanted: EventFilter, *, after: int, before: int) -> Replayable:
        """Return a part of what is to be delivered of the events between two numbers, both exclusive.

        What waits or runs is on its way already, and no part of it.
        """
        given = {"handler": handler, "job": wanted.job_id, "after": after, "before": before, "limit": LOOKS}
        rows = await self._queries.all("look" if wanted.job_id is None else "look_at_job", given)
        first, again, last = list[int](), list[int](), None
        for row in rows:
            if len(first) + len(again) == PART:
                break
            last = row["seq"]
            if (wanted.types is not None and row["type"] not in wanted.types) or row["state"] in OPEN_STATES:
                continue
            (first if row["state"] is None else again).append(row["seq"])
        is_over = len(rows) < LOOKS and (not rows or last == rows[-1]["seq"])
        return Replayable(first=tuple(first), again=tuple(again), last=None if is_over else last)


class ReplayDesk:
    """The operation behind `Store.replay`."""

    def __init__(self, *, clock: Clock, fanout: Fanout, notices: NoticeDesk) -> None:
        """Take what is shared with the other operations."""
        self._clock = clock
        self._fanout = fanout
        self._notices = notices
        self._sql = Statements("replays")

    def __call__(self, db: sqlite3.Connection, units: Sequence[Replay]) -> list[Replayed | None]:
        """Open closed deliveries and make those that never were; None for a handler that never was."""
        return [self._replay(db, unit) for unit in units]

    def _replay(self, db: sqlite3.Connection, unit: Replay) -> Replayed | None:
        handler = self._fanout.seq_of(unit.handler)
        if handler is None:
            return None
        now = self._clock.now()
        given = {"handler": handler, "events": to_json_text(list(unit.events)), "now": to_millis(now)}
        again = [seq for (seq,) in db.execute(self._sql["again"], given).fetchall()]
        db.execute(self._sql["forget_steps"], (to_json_text(again),))
        self._notices.clear(db, [(NoticeKind.DELIVERY_DEAD, str(delivery)) for delivery in again])
        first = db.execute(self._sql["never_made"], given).fetchall()
        self._fanout.deliver_to(db, now, unit.handler, first)
        return Replayed(first=len(first), again=len(again))
