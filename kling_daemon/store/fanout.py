"""Turns events and notices into deliveries: one for each handler that subscribes to them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kling_daemon.clock import to_millis
from kling_daemon.events import NOTICE, JobEvent, Notice
from kling_daemon.store.bulk import BulkInsert
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.sequences import Sequences
from kling_daemon.store.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the store must know of a handler to collect its deliveries, loaded or not."""

    name: str
    events: frozenset[str]
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    seq: int
    events: frozenset[str]
    depends_on: tuple[str, ...]


class Fanout:
    """The registry of handlers, and the only place where deliveries are made.

    The registry is read once and kept in memory, since the one writer is the only one to change it.
    """

    def __init__(self, db: sqlite3.Connection, sequences: Sequences) -> None:
        """Read the registry."""
        self._sql = Statements("fanout")
        self._deliveries = BulkInsert(self._sql["deliver"], "(?, ?, ?, ?, ?, 'pending', 0, 0, ?, ?)")
        self._sequences = sequences
        self._known: dict[str, _Known] = {
            name: _Known(seq=seq, events=frozenset(json.loads(events)), depends_on=tuple(json.loads(depends_on)))
            for seq, name, events, depends_on in db.execute(self._sql["registry"])
        }
        self._subscribers: dict[str, dict[str, int]] = {}
        self._supplied: set[str] = set()
        self._forgotten: dict[str, _Known] = {}
        """What the transaction at hand forgets, in case it fails."""

    def seq_of(self, handler: str) -> int | None:
        """Return the row number of a handler; None for one that never was."""
        known = self._known.get(handler)
        return known.seq if known else None

    def dependencies_of(self, handler: str) -> dict[str, int]:
        """Return the handlers that this one waits for, with their row numbers."""
        known = self._known.get(handler)
        names = known.depends_on if known else ()
        return {name: self._known[name].seq for name in names if name in self._known}

    def register(self, db: sqlite3.Connection, now: datetime, registrations: Sequence[Registration]) -> None:
        """Add or change handlers; deliveries are made for them from the next event on, loaded or not."""
        for registration in registrations:
            known = self._known.get(registration.name)
            seq = known.seq if known else self._sequences.next("handlers")
            db.execute(
                self._sql["register"],
                {
                    "seq": seq,
                    "name": registration.name,
                    "events": to_json_text(sorted(registration.events)),
                    "depends_on": to_json_text(list(registration.depends_on)),
                    "now": to_millis(now),
                },
            )
            self._known[registration.name] = _Known(
                seq=seq, events=registration.events, depends_on=registration.depends_on
            )
        self._subscribers.clear()

    def forget(self, db: sqlite3.Connection, handler: str) -> None:
        """Make no more deliveries for a handler until it is registered again."""
        known = self._known[handler]
        db.execute(self._sql["forget"], (known.seq,))
        self._forgotten.setdefault(handler, known)
        self._known[handler] = _Known(seq=known.seq, events=frozenset(), depends_on=())
        self._subscribers.clear()

    def committed(self) -> None:
        """Hear that what was forgotten is forgotten on disk."""
        self._forgotten.clear()

    def rolled_back(self) -> None:
        """Remember what a failed transaction has not forgotten after all."""
        if self._forgotten:
            self._known.update(self._forgotten)
            self._forgotten.clear()
            self._subscribers.clear()

    def deliver(
        self, db: sqlite3.Connection, now: datetime, items: Sequence[tuple[int, int | None, JobEvent | Notice]]
    ) -> None:
        """Make the deliveries of stored events and notices, each given as row number, its job's, and itself."""
        millis = to_millis(now)
        rows: list[tuple[int, int, int | None, int | None, int | None, int, int]] = []
        for seq, job, item in items:
            if isinstance(item, JobEvent):
                subscribers, event, notice = self._subscribed(item.type), seq, None
            else:
                subscribers, event, notice = self._subscribed(NOTICE), None, seq
            rows.extend(
                (self._sequences.next("deliveries"), handler, event, notice, job, millis, millis)
                for handler in subscribers.values()
            )
            self._supplied.update(subscribers)
        if rows:
            self._deliveries.run(db, rows)

    def deliver_to(
        self, db: sqlite3.Connection, now: datetime, handler: str, events: Sequence[tuple[int, int]]
    ) -> None:
        """Make the deliveries to one handler of events that happened earlier, each given as row number and its job's.

        The handler counts as supplied in any case, so that a standing claim takes what has been opened again as well.
        """
        millis, seq = to_millis(now), self._known[handler].seq
        rows = [(self._sequences.next("deliveries"), seq, event, None, job, millis, millis) for event, job in events]
        if rows:
            self._deliveries.run(db, rows)
        self._supplied.add(handler)

    def take_supplied(self) -> set[str]:
        """Return for which handlers deliveries were made since this was last called, and forget them."""
        supplied, self._supplied = self._supplied, set()
        return supplied

    def _subscribed(self, event_type: str) -> dict[str, int]:
        """Return the names of those who subscribe, with their row numbers."""
        subscribers = self._subscribers.get(event_type)
        if subscribers is None:
            subscribers = {name: known.seq for name, known in self._known.items() if event_type in known.events}
            self._subscribers[event_type] = subscribers
        return subscribers
