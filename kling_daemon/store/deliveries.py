"""Claims and settles deliveries, in the same commit groups as everything else."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock, from_millis, optional, to_millis
from kling_daemon.deliveries import OPEN_STATES, Delivery, Settlement, due_after_loss
from kling_daemon.events import JobEvent, Notice, NoticeKind
from kling_daemon.fast_init import fast_init
from kling_daemon.store.bulk import BulkInsert, marks
from kling_daemon.store.event_cache import EventCache
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.notices import NoticeDesk
from kling_daemon.store.rows import event_from_row, notice_from_row
from kling_daemon.store.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """A wish to forget a handler that is not loaded."""

    handler: str
    limit: int
    """How many of its deliveries one transaction drops at most: all of a million would hold up callbacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What came of it."""

    dropped: int
    is_over: bool
    """The handler is forgotten; else there may be more to drop first."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A lane's wish for deliveries to begin now."""

    handler: str
    limit: int
    lease: timedelta


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of an attempt."""

    delivery: Delivery
    settlement: Settlement
    outcome: str
    """A word for the attempt's record: `acknowledged`, `failed`, …."""
    started_at: datetime
    notice: Notice | None
    """What to tell the operator of it, in the same transaction."""


class DeliveryDesk:
    """The operations on deliveries; each takes a group's units at once."""

    def __init__(
        self,
        *,
        owner: str,
        clock: Clock,
        random: Random,
        backoff: Backoff,
        fanout: Fanout,
        notices: NoticeDesk,
        cache: EventCache,
    ) -> None:
        """Take the name under which leases are held, and what is shared with the other operations.

        backoff: the pauses of deliveries whose attempts are lost with the daemon, again and again.
        """
        self._owner = owner
        self._clock = clock
        self._random = random
        self._backoff = backoff
        self._fanout = fanout
        self._notices = notices
        self._cache = cache
        self._sql = Statements("deliveries")
        self._save_attempts = BulkInsert(self._sql["save_attempt"], marks(6))

    def void_leases(self, db: sqlite3.Connection) -> int:
        """Take back what an earlier run had begun: its attempts stay counted, and count as lost.

        Only for the holder of the lock. Nothing else makes a suspect.
        """
        now = self._clock.now()
        db.execute(self._sql["void_leases_attempts"], (to_millis(now), to_millis(now)))
        lost = []
        for seq, losses_before in db.execute(self._sql["running"]):
            losses = losses_before + 1
            due_at = due_after_loss(losses, backoff=self._backoff, now=now, jitter=self._random.random())
            lost.append((losses, to_millis(due_at), seq))
        db.executemany(self._sql["void_lease"], lost)
        return len(lost)

    def claim(self, db: sqlite3.Connection, units: Sequence[Claim]) -> list[list[Delivery]]:
        """Begin attempts: due, first of their job, with what they depend on done or dead, and one suspect at most.

        A suspect is begun only if none runs. Units come one after the other, each of which sees what the ones before
        have begun, and nobody else writes: so at no time do two suspects run, whichever handlers they are for.
        """
        return [self._claim(db, claim) for claim in units]

    def settle(self, db: sqlite3.Connection, units: Sequence[Settled]) -> list[bool]:
        """Write down outcomes; False for one whose lease was no longer ours, of which nothing is written."""
        now = to_millis(self._clock.now())
        named = to_json_text([(unit.delivery.id, unit.delivery.attempt) for unit in units])
        ours = set(json.loads(db.execute(self._sql["ours"], (named, self._owner)).fetchone()[0]))
        answers, rows, attempts, notices = [], [], [], []
        for unit in units:
            delivery, settlement = unit.delivery, unit.settlement
            answers.append(delivery.id in ours)
            if delivery.id not in ours:
                continue
            ours.discard(delivery.id)
            finished_at = None if settlement.state in OPEN_STATES else now
            rows.append((
                delivery.id, delivery.attempt, settlement.state, settlement.attempt, to_millis(settlement.due_at),
                settlement.error, optional(to_json_text, settlement.result), finished_at,
            ))  # fmt: skip
            started_at = to_millis(unit.started_at)
            attempts.append((delivery.id, delivery.attempt, unit.outcome, settlement.error, started_at, now))
            if unit.notice is not None:
                notices.append(unit.notice)
        if rows:
            db.execute(self._sql["settle"], (to_json_text(rows),))
            self._save_attempts.run(db, attempts)
        self._notices.raise_(db, notices)
        return answers

    def retry(self, db: sqlite3.Connection, units: Sequence[int]) -> list[str | None]:
        """Give deliveries all their attempts again, at once; returns the handler's name, None where it is not to be.

        A person's decision: dead, dropped and waiting ones can be retried, one that is done or running cannot. The
        notice of its death is cleared.
        """
        now = to_millis(self._clock.now())
        return [self._decide(db, delivery, "retry", (now, now, delivery)) for delivery in units]

    def drop(self, db: sqlite3.Connection, units: Sequence[int]) -> list[str | None]:
        """Close deliveries for good that wait or are dead; returns the handler's name, None where it is not to be.

        A person's decision. Who waits for such a delivery goes on as after a dead one; the notice of its death is
        cleared.
        """
        now = to_millis(self._clock.now())
        return [self._decide(db, delivery, "drop", (now, delivery)) for delivery in units]

    def forget(self, db: sqlite3.Connection, units: Sequence[Forgetting]) -> list[Forgotten | None]:
        """Drop a part of what a handler has waiting or dead, and forget it with the last part; None if it never was."""
        return [self._forget(db, unit) for unit in units]

    def _forget(self, db: sqlite3.Connection, unit: Forgetting) -> Forgotten | None:
        seq = self._fanout.seq_of(unit.handler)
        if seq is None:
            return None
        rows = db.execute(self._sql["not_closed"], (seq, seq, unit.limit)).fetchall()
        now = to_millis(self._clock.now())
        db.executemany(self._sql["drop"], [(now, delivery) for (delivery,) in rows])
        self._notices.clear(db, [(NoticeKind.DELIVERY_DEAD, str(delivery)) for (delivery,) in rows])
        is_over = len(rows) < unit.limit
        if is_over:
            self._fanout.forget(db, unit.handler)
            self._notices.clear(db, [(NoticeKind.HANDLER_CLOSED, unit.handler)])
        return Forgotten(dropped=len(rows), is_over=is_over)

    def _decide(self, db: sqlite3.Connection, delivery: int, decision: str, parameters: Sequence[int]) -> str | None:
        if not db.execute(self._sql[decision], parameters).rowcount:
            return None
        self._notices.clear(db, [(NoticeKind.DELIVERY_DEAD, str(delivery))])
        (handler,) = db.execute(self._sql["handler_of"], (delivery,)).fetchone()
        return str(handler)

    def save_step(self, db: sqlite3.Connection, units: Sequence[tuple[int, str, str]]) -> list[None]:
        """Keep small results of handlers, each given as delivery, name and JSON text."""
        db.executemany(self._sql["save_step"], units)
        return [None] * len(units)

    def _claim(self, db: sqlite3.Connection, claim: Claim) -> list[Delivery]:
        handler = self._fanout.seq_of(claim.handler)
        if handler is None:
            return []
        now = self._clock.now()
        dependencies = self._fanout.dependencies_of(claim.handler)
        dependency_seqs = to_json_text(list(dependencies.values()))
        rows = db.execute(
            self._sql["claimable"],
            {"handler": handler, "now": to_millis(now), "limit": claim.limit, "dependencies": dependency_seqs},
        ).fetchall()
        millis, until = to_millis(now), to_millis(now + claim.lease)
        if rows:
            db.execute(self._sql["claim"], (self._owner, until, millis, to_json_text([row[0] for row in rows])))
        events = self._events(db, [row[1] for row in rows if row[1] is not None])
        return [
            Delivery(
                id=seq,
                handler=claim.handler,
                item=events[event] if event is not None else self._notice(db, notice),
                attempt=attempt + 1,
                losses=losses,
                created_at=from_millis(created_at),
                results=self._results(db, event, notice, dependencies) if dependencies else {},
            )
            for seq, event, notice, attempt, losses, created_at in rows
        ]

    def _events(self, db: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, JobEvent]:
        """Return events by row number, from the cache where they are there."""
        events = {seq: event for seq in seqs if (event := self._cache.get(seq)) is not None}
        missing = [seq for seq in seqs if seq not in events]
        rows = db.execute(self._sql["events"], (to_json_text(missing),)) if missing else ()
        for row in rows:
            seq, event = event_from_row(row)
            events[seq] = event
            self._cache.put(seq, event)  # other handlers that lag as much will ask for it soon
        return events

    def _notice(self, db: sqlite3.Connection, seq: int) -> Notice:
        return notice_from_row(db.execute(self._sql["notice"], (seq,)).fetchone())

    def _results(
        self, db: sqlite3.Connection, event: int | None, notice: int | None, dependencies: Mapping[str, int]
    ) -> dict[str, Mapping[str, Any] | None]:
        names = {seq: name for name, seq in dependencies.items()}
        rows = db.execute(self._sql["results"], (event, notice, to_json_text(list(names)))).fetchall()
        # None as well for one that was never given it, as when a replay has brought it to this handler alone.
        results: dict[str, Mapping[str, Any] | None] = dict.fromkeys(dependencies)
        for handler, state, result in rows:
            results[names[handler]] = None if state != "done" else ({} if result is None else json.loads(result))
        return results
