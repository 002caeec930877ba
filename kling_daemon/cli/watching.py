"""Learning what becomes of jobs, however many: from the order of all events, and not by a request for each."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from kling_daemon.client import Daemon
from kling_daemon.client.long_polls import GRACE
from kling_daemon.client.models import JobModel

_NEWS = "job.status_changed"
"""The events that tell of every state, the ends included."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before all events."""


class Watch:
    """What is known of the jobs that are waited for, by their ids; it only ever moves on."""

    def __init__(self, daemon: Daemon, on_news: Callable[[JobModel], None] = lambda _job: None) -> None:
        """Take whom to ask; on_news: told of each job when it has moved on."""
        self.jobs: dict[str, JobModel] = {}
        self.ended = asyncio.Event()
        """Set while nothing that is expected has yet to end."""
        self.ended.set()
        self._daemon = daemon
        self._on_news = on_news
        self._open: set[str] = set()
        self._cursor: str | None = None

    async def begin(self) -> None:
        """Remember the place in the order of events; before the jobs are looked at, so that nothing can be missed."""
        page = await self._daemon.list_events(limit=1)
        self._cursor = page.items[0].cursor if page.items else None

    def expect(self, job_ids: Iterable[str]) -> None:
        """Wait for the ends of jobs, which need not be there yet; what is known to have ended is passed over."""
        self._open.update(id_ for id_ in job_ids if id_ not in self.jobs or not self.jobs[id_].has_ended)
        self._tell()

    def give_up(self, job_id: str) -> None:
        """Wait for a job no longer."""
        self._open.discard(job_id)
        self._tell()

    def learn(self, job: JobModel) -> None:
        """Take notice of a job; older news of it than is known is passed over."""
        known = self.jobs.get(job.id)
        if known is not None and known.rank >= job.rank:
            return
        self.jobs[job.id] = job
        if job.has_ended:
            self._open.discard(job.id)
        else:
            self._open.add(job.id)
        self._on_news(job)
        self._tell()

    async def run(self) -> None:
        """Follow the events until cancelled. DaemonUnreachableError when the daemon is away for too long."""
        since = _BEGINNING if self._cursor is None else None
        events = self._daemon.events(types=[_NEWS], since=since, cursor=self._cursor, patience=GRACE)
        try:
            async for event in events:
                if event.job_id in self._open:
                    self.learn(event.job)
        finally:
            await events.aclose()

    def _tell(self) -> None:
        if self._open:
            self.ended.clear()
        else:
            self.ended.set()
