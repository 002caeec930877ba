"""The store: what the daemon knows, on disk before anybody is told of it."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Self

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.deliveries import Delivery, RetryPolicy, Settlement
from kling_daemon.events import Notice, NoticeKind
from kling_daemon.polling import PollPolicy
from kling_daemon.store.connection import DATABASE, open_reader, open_writer
from kling_daemon.store.deliveries import Claim, Forgetting, Settled
from kling_daemon.store.due import Due
from kling_daemon.store.due_times import SetBack
from kling_daemon.store.event_pages import EventPages
from kling_daemon.store.fanout import Registration
from kling_daemon.store.hints import HINT_LIMIT, Hint
from kling_daemon.store.lock import exclusive, make_directory
from kling_daemon.store.migrate import migrate
from kling_daemon.store.news import News, Recorded
from kling_daemon.store.parts import Parts
from kling_daemon.store.passages import Passage
from kling_daemon.store.reader import Reader
from kling_daemon.store.replays import Replay, Replayed, ReplayPlans
from kling_daemon.store.retention import Sweep
from kling_daemon.store.rows import StoredJob
from kling_daemon.store.safety_copy import make_safety_copy
from kling_daemon.store.standing import StandingClaim
from kling_daemon.store.submissions import Intent, Postponement, Submission
from kling_daemon.store.tokens import KnownToken
from kling_daemon.store.writer import Writer


class Store:
    """One daemon's state directory, opened and locked.

    Every method that writes returns when its unit is committed with a sync of the write-ahead log, and raises
    StoreUnavailableError, leaving no trace, when that is not possible. What was committed survives `kill -9` and
    power loss. It is read by `read` (what is shown), `events`, `due` (what is to be done) and `replays`.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        reader: Reader,
        events: EventPages,
        replays: ReplayPlans,
        due: Due,
        clock: Clock,
        parts: Parts,
    ) -> None:
        """Take the parts; `Store.open` makes them."""
        self.read = reader
        self.events = events
        self.replays = replays
        self.due = due
        self._writer = writer
        self._clock = clock
        self._recorder = parts.recorder
        self._deliveries = parts.deliveries
        self._submissions = parts.submissions
        self._notices = parts.notices
        self._polls = parts.polls
        self._hints = parts.hints
        self._retention = parts.retention
        self._replays = parts.replays
        self._due_times = parts.due_times
        self._tokens = parts.tokens
        self._accounts = parts.accounts
        self._fanout = parts.fanout
        self._standing = parts.standing

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        directory: Path,
        *,
        clock: Clock,
        account: str = "default",
        policy: PollPolicy | None = None,
        backoff: Backoff | None = None,
        random: Random | None = None,
        hint_limit: int = HINT_LIMIT,
        on_commit: Callable[[int, float], None] = lambda _units, _seconds: None,
        migrations: Sequence[tuple[int, str]] | None = None,
    ) -> AsyncIterator[Self]:
        """Lock the directory, bring the schema up to date, void the leases of earlier runs, and write until the end.

        backoff: the pauses of deliveries whose attempts are lost with the daemon more than once. hint_limit: how many
        hints wait at most. on_commit: told of each commit's units and seconds. migrations: this version's own unless a
        test brings others. A database in use is copied before they change it.

        Raises StoreLockedError when another daemon holds the directory, StoreError when the database cannot be used.
        """
        directory = make_directory(directory)
        with exclusive(directory):
            async with open_writer(directory / DATABASE) as connection:

                def copy(version: int) -> None:
                    make_safety_copy(connection.raw, directory, version=version, at=clock.now())

                def begin() -> Parts:
                    migrate(connection.raw, migrations, before=copy)
                    return Parts.assemble(
                        connection.raw,
                        account=account,
                        clock=clock,
                        policy=policy or PollPolicy(),
                        backoff=backoff or RetryPolicy().backoff,
                        random=random or Random(),  # noqa: S311 - it spreads polls, no secret
                        hint_limit=hint_limit,
                    )

                parts = await connection.run(begin)
                await connection.transact(parts.void_leases)
                writer = Writer(connection, parts.standing, on_commit)
                async with writer.running(), open_reader(directory / DATABASE, connection.damage) as reading:
                    reader, due = Reader(reading, account=account), Due(reading, account=account)
                    events, replays = EventPages(reading), ReplayPlans(reading)
                    yield cls(writer, reader=reader, events=events, replays=replays, due=due, clock=clock, parts=parts)

    def obstacles(self) -> tuple[str, ...]:
        """Say why nothing can be recorded, if that was so a moment ago; nobody need look closer to be told."""
        return self._writer.obstacles()

    async def record(self, news: News) -> Recorded:
        """Commit what was learnt: callback, report, the job's new state, its events and their deliveries, as one."""
        return await self._writer.write(self._recorder, news)

    async def record_each(self, news: Sequence[News]) -> list[Recorded | Exception]:
        """Commit several pieces of news, each as by itself, and return what came of each; raises nothing."""
        return await self._writer.write_each(self._recorder, news)

    async def register_handlers(self, registrations: Sequence[Registration]) -> None:
        """Note the handlers that are loaded now; deliveries are made for them from the next event on."""
        await self._writer.write(self._register, registrations)

    def _register(self, db: sqlite3.Connection, units: Sequence[Sequence[Registration]]) -> list[None]:
        for registrations in units:
            self._fanout.register(db, self._clock.now(), registrations)
        return [None] * len(units)

    async def claim(self, handler: str, *, limit: int, lease: timedelta) -> list[Delivery]:
        """Begin attempts at up to so many due deliveries; each attempt is counted before it is made."""
        return await self._writer.write(self._deliveries.claim, Claim(handler=handler, limit=limit, lease=lease))

    def standing(self, claim: StandingClaim) -> AbstractContextManager[None]:
        """Have a claim made in every transaction that makes deliveries for its handler, as long as the context lasts.

        Deliveries that fall due later, and those that found no room, must still be claimed. One claim at a time may
        stand for a handler: ValueError for a second one.
        """
        return self._standing.standing(claim)

    async def settle(
        self,
        delivery: Delivery,
        settlement: Settlement,
        *,
        outcome: str,
        started_at: datetime,
        notice: Notice | None = None,
    ) -> bool:
        """Write down what became of an attempt; False, and nothing written, when its lease was no longer ours.

        notice: raised in the same transaction, so that no crash can come between a death and its notice.
        """
        settled = Settled(
            delivery=delivery, settlement=settlement, outcome=outcome, started_at=started_at, notice=notice
        )
        return await self._writer.write(self._deliveries.settle, settled)

    async def next_delivery_due(self, handler: str) -> datetime | None:
        """Return when the first of a handler's waiting deliveries falls due after now."""
        return await self.due.next_delivery_due(handler, self._clock.now())

    async def retry_delivery(self, delivery: int) -> str | None:
        """Give a delivery that is not done all its attempts again; returns its handler, None when it cannot be."""
        return await self._writer.write(self._deliveries.retry, delivery)

    async def drop_delivery(self, delivery: int) -> str | None:
        """Close a delivery for good that waits or is dead; returns its handler, None when it cannot be closed."""
        return await self._writer.write(self._deliveries.drop, delivery)

    async def replay(self, replay: Replay) -> Replayed | None:
        """Give a handler events once more, or for the first time, at once and with all attempts; None if it never was.

        The keys of the deliveries are the same as ever; what a handler kept for its earlier attempts is forgotten. What
        waits or runs is left as it is, so that a repetition after a crash does no harm.
        """
        return await self._writer.write(self._replays, replay)

    async def forget_handler(self, handler: str, *, limit: int = 500) -> int | None:
        """Drop what a handler that is not loaded has waiting or dead, and collect no more; None if it never was.

        Returns how many deliveries were dropped, at most `limit` in one transaction. A crash meanwhile leaves some of
        them dropped and the rest as it was.
        """
        total, unit = 0, Forgetting(handler=handler, limit=limit)
        while (forgotten := await self._writer.write(self._deliveries.forget, unit)) is not None:
            total += forgotten.dropped
            if forgotten.is_over:
                return total
        return None

    async def load_step(self, delivery_id: int, step: str) -> Any:
        """Return what a handler kept for a delivery under a name, or None."""
        return await self.due.step(delivery_id, step)

    async def save_step(self, delivery_id: int, step: str, value: Any) -> None:
        """Keep a handler's JSON value for a delivery under a name; TypeError or ValueError for what is no JSON."""
        # Before it waits for a transaction, which a mistake of a handler's must not make fail for others.
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()  # lone surrogates are no text that could be kept
        await self._writer.write(self._deliveries.save_step, (delivery_id, step, text))

    async def raise_notice(self, notice: Notice) -> bool:
        """Store a notice with its deliveries; False when one of its kind and subject is open already."""
        return await self._writer.write(self._notices.raise_, notice)

    async def clear_notice(self, kind: NoticeKind, subject: str) -> bool:
        """Close a notice whose cause has gone away; False when none was open."""
        return await self._writer.write(self._notices.clear, (kind, subject))

    async def make_job(self, intent: Intent) -> Recorded:
        """Store the intent to create a job; one that has its id is returned unchanged."""
        return await self._writer.write(self._submissions.make, intent)

    async def claim_submissions(self, limit: int) -> list[Submission]:
        """Take due creates; they count as on the wire from now on."""
        return await self._writer.write(self._submissions.claim, limit)

    async def postpone_submission(self, postponement: Postponement) -> bool:
        """Give a claimed create back for later; recording a report about its job settles it instead."""
        return await self._writer.write(self._submissions.postpone, postponement)

    async def cancel_submission(self, news: News) -> Recorded | None:
        """Record that a job was given up before it was sent; None, and nothing, where Kling may have its create."""
        return await self._writer.write(self._submissions.cancel, news)

    async def poll_unanswered(self, jobs: Sequence[StoredJob]) -> None:
        """Note that Kling did not know these jobs when asked."""
        await self._writer.write_all(self._polls.unanswered, jobs)

    async def drop_hints(self, hints: Sequence[Hint]) -> None:
        """Forget hints that have been followed, those excepted that were named again meanwhile."""
        await self._writer.write_all(self._hints.drop, hints)

    async def note_start(self) -> None:
        """Note that a daemon starts; only the first one's moment is kept."""
        await self._writer.write(self._accounts.started, self._clock.now())

    async def adopted_until(self, moment: datetime) -> None:
        """Note that all tasks which Kling's lists show from before this moment are adopted."""
        await self._writer.write(self._accounts.adopted, moment)

    async def sweep(self, sweep: Sweep) -> Passage:
        """Remove a few old rows, in a transaction that holds up nobody; what is open or dead stays."""
        return await self._writer.write(self._retention.sweep, sweep)

    async def bring_forward(self, set_back: SetBack) -> Passage:
        """Bring the due times of a few rows forward, as the wall clock was set back."""
        return await self._writer.write(self._due_times.bring_forward, set_back)

    async def make_token(self, token: KnownToken) -> bool:
        """Keep a new token; False when one of its name is kept already."""
        return await self._writer.write(self._tokens.make, token)

    async def keep_token(self, token: KnownToken) -> bool:
        """Keep a token in the place of others of its name or its digest; False when it was kept already."""
        return await self._writer.write(self._tokens.keep, token)

    async def revoke_token(self, name: str) -> bool:
        """Forget a token; False when none of this name was kept."""
        return await self._writer.write(self._tokens.revoke, name)

    async def use_token(self, token: KnownToken, day: date) -> None:
        """Note the day on which a token was used."""
        await self._writer.write(self._tokens.use, (token, day))
