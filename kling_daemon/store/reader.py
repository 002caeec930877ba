"""What the store shows to people and programs: pages of rows, single ones, and counts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from kling_daemon.clock import optional, to_millis
from kling_daemon.deliveries import DeliveryState
from kling_daemon.events import EventType, JobEvent, Notice
from kling_daemon.jobs import Generation, Job, JobState
from kling_daemon.punctuality import PROMPT, JobKind, Punctuality
from kling_daemon.store.callback_pages import CallbackPages
from kling_daemon.store.connection import DATABASE, ReaderConnection, open_reader
from kling_daemon.store.event_pages import EventFilter, EventPages
from kling_daemon.store.history import (
    AttemptRow,
    History,
    attempt_from_row,
    create_from_row,
    entry_from_row,
    unfinished_from_row,
)
from kling_daemon.store.job_pages import JobPages
from kling_daemon.store.queries import Queries
from kling_daemon.store.rows import from_row, notice_from_row
from kling_daemon.store.shown_rows import (
    CallbackRow,
    DeliveryRow,
    HandlerRow,
    callback_from_row,
    delivery_from_row,
    handler_from_row,
)
from kling_daemon.store.tokens import KnownToken, token_from_row

_FAR = 2**62
_LATEST_REPORTS = 5_000
"""How many reports callbacks are judged by: more than a thousand jobs."""


class AmbiguousReferenceError(Exception):
    """More than one job answers to this task id or external id."""


class Reader:
    """Reads committed rows over a connection that cannot write.

    Pages are short statements, never a long transaction: a reader that stays would pin the write-ahead log. Every
    method raises StoreUnavailableError when SQLite cannot answer.
    """

    @classmethod
    @asynccontextmanager
    async def of(cls, directory: Path, *, account: str = "default") -> AsyncIterator[Self]:
        """Read a state directory from outside the daemon, which may run or not; nothing is locked or changed."""
        async with open_reader(directory / DATABASE) as connection:
            yield cls(connection, account=account)

    def __init__(self, connection: ReaderConnection, *, account: str) -> None:
        """Take a read-only connection whose rows have names."""
        self._account = account
        self._queries = Queries(connection, "reader")
        self._events = EventPages(connection)
        self.job_pages = JobPages(connection)
        self.callback_pages = CallbackPages(connection)

    async def job(self, reference: str) -> Job | None:
        """Find a job by its own id, else Kling's task id, else its external id.

        Raises AmbiguousReferenceError when the reference fits more than one.
        """
        for statement in ("job_by_id", "jobs_by_task", "jobs_by_external_id"):
            rows = await self._queries.all(statement, (reference,))
            if len(rows) > 1:
                raise AmbiguousReferenceError(reference)
            if rows:
                return from_row(rows[0]).job
        return None

    async def history(self, job_id: str, *, limit: int) -> History | None:
        """Return what happened to a job and what is to come, with the latest entries up to the limit."""
        rows = await self._queries.all("job_by_id", (job_id,))
        if not rows:
            return None
        stored = from_row(rows[0])
        job = (stored.seq,)
        entries = await self._queries.all("history", {"job": stored.seq, "limit": limit})
        creates = await self._queries.all("create", job)
        return History(
            stored=stored,
            entries=tuple(entry_from_row(row) for row in reversed(entries)),
            create=create_from_row(creates[0]) if creates else None,
            deliveries=tuple(unfinished_from_row(row) for row in await self._queries.all("unfinished_deliveries", job)),
            hinted_at=await self._queries.moment("hinted_at", (stored.job.task_id, stored.job.account)),
        )

    async def jobs(self, *, limit: int, before: int | None = None) -> list[tuple[int, Job]]:
        """Return a page of jobs with their row numbers, the latest first."""
        rows, _ = await self.job_pages.falling(limit=limit, before=before)
        return rows

    async def overdue_jobs(
        self, since: datetime, *, limit: int, before: int | None = None, state: JobState | None = None
    ) -> list[tuple[int, Job]]:
        """Return a page of the jobs that have been open since then or longer, with their row numbers, latest first."""
        parameters = {
            "before": to_millis(since),
            "before_seq": _FAR if before is None else before,
            "state": state.value if state else None,
            "limit": limit,
        }
        return [(row["seq"], from_row(row).job) for row in await self._queries.all("overdue_jobs", parameters)]

    async def overdue_count(self, since: datetime) -> int:
        """Count the jobs that have been open since then or longer."""
        (row,) = await self._queries.all("overdue_count", {"before": to_millis(since)})
        return int(row["jobs"])

    async def longest_overdue(self, since: datetime) -> Job | None:
        """Return the job that has been open longest, if it has been since then or longer."""
        rows = await self._queries.all("longest_overdue", {"before": to_millis(since)})
        return from_row(rows[0]).job if rows else None

    async def events(
        self, *, limit: int, after: int = 0, job_id: str | None = None, event_type: EventType | None = None
    ) -> list[tuple[int, JobEvent]]:
        """Return a page of events with their row numbers, in the order in which they happened."""
        wanted = EventFilter(job_id=job_id, types=frozenset([event_type]) if event_type else None)
        return await self._events.rising(wanted, limit=limit, after=after)

    async def deliveries(
        self,
        *,
        limit: int,
        before: int | None = None,
        state: DeliveryState | None = None,
        handler: str | None = None,
        job_id: str | None = None,
    ) -> list[DeliveryRow]:
        """Return a page of deliveries, the latest first; the last one's id is the next page's `before`."""
        parameters = {
            "before": _FAR if before is None else before,
            "state": state.value if state else None,
            "handler": handler,
            "job": job_id,
            "limit": limit,
        }
        statement = "deliveries"
        if job_id is not None:
            statement = "deliveries_of_job"
        elif state is DeliveryState.DEAD:
            statement = "dead_deliveries"
        return [delivery_from_row(row) for row in await self._queries.all(statement, parameters)]

    async def attempts(self, delivery: int, *, limit: int) -> list[AttemptRow]:
        """Return the latest attempts at a delivery, in their order."""
        return [attempt_from_row(row) for row in reversed(await self._queries.all("attempts", (delivery, limit)))]

    async def handlers(self) -> list[HandlerRow]:
        """Return every handler that was ever configured."""
        return [handler_from_row(row) for row in await self._queries.all("handlers")]

    async def tokens(self) -> list[KnownToken]:
        """Return every token that opens the local API."""
        return [token_from_row(row) for row in await self._queries.all("tokens")]

    async def open_notices(self) -> list[Notice]:
        """Return the notices whose cause has not gone away."""
        return [notice_from_row(row) for row in await self._queries.all("notices")]

    async def job_counts(self) -> dict[str, int]:
        """Count jobs by state."""
        return {row["state"]: row["jobs"] for row in await self._queries.all("job_counts")}

    async def open_job_counts(self) -> dict[str, int]:
        """Count the jobs that have not ended by state, without reading the others."""
        return {row["state"]: row["jobs"] for row in await self._queries.all("open_job_counts")}

    async def event_counts(self) -> dict[str, int]:
        """Count events by type."""
        return {row["type"]: row["events"] for row in await self._queries.all("event_counts")}

    async def delivery_counts(self) -> dict[str, dict[str, int]]:
        """Count deliveries by handler and state."""
        counts: dict[str, dict[str, int]] = {}
        for row in await self._queries.all("delivery_counts"):
            counts.setdefault(row["handler"], {})[row["state"]] = row["deliveries"]
        return counts

    async def missed_callbacks(self) -> dict[JobKind, int]:
        """Count the jobs whose end a poll had to find, by their kind."""
        return {_kind(row): row["jobs"] for row in await self._queries.all("missed_callbacks")}

    async def punctuality(self, now: datetime) -> list[Punctuality]:
        """Judge how callbacks came for the latest ends, by the kind of job; those that may yet come do not count."""
        parameters = {"window": _LATEST_REPORTS, "before": to_millis(now - PROMPT)}
        delays: dict[JobKind, list[timedelta | None]] = {}
        for row in await self._queries.all("punctuality", parameters):
            delay = optional(_from_delay, row["delay"])
            delays.setdefault(_kind(row), []).append(delay)
        return [Punctuality.judge(kind, of_kind) for kind, of_kind in delays.items()]

    async def hint_count(self) -> int:
        """Count the task ids that were named without proof and have not been asked about yet."""
        (row,) = await self._queries.all("hint_count", (self._account,))
        return int(row["hints"])

    async def callbacks(self, *, limit: int, after: int = 0) -> list[CallbackRow]:
        """Return a page of the kept callbacks, in the order in which they first came."""
        return [callback_from_row(row) for row in await self._queries.all("callbacks", (after, limit))]

    async def callback_counts(self) -> dict[str, int]:
        """Count the callbacks that were kept, by verdict; repetitions count."""
        return (await self.callback_pages.tallies())[0]

    async def flaws(self) -> list[str]:
        """Return what SQLite finds damaged in the file, in its words; it reads all of it, which takes its time."""
        found = [str(row["integrity_check"]) for row in await self._queries.all("flaws")]
        return [] if found == ["ok"] else found


def _kind(row: Mapping[str, Any]) -> JobKind:
    return JobKind(endpoint=row["endpoint"], generation=Generation(row["generation"]), model=row["model"])


def _from_delay(millis: int) -> timedelta:
    # Our clock may be a little behind Kling's.
    return timedelta(milliseconds=max(millis, 0))
