"""Following jobs to their end, with a live view on a terminal."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from kling_daemon.cli.live_jobs import shown
from kling_daemon.cli.watching import Watch
from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError
from kling_daemon.client.models import JobModel

AT_A_TIME = 8
"""How many requests are on their way at a time: thousands of jobs must not open thousands of connections."""


@dataclass
class Following:
    """What has become of the jobs so far, by the reference under which each was asked for."""

    references: Sequence[str]
    jobs: dict[str, JobModel] = field(default_factory=dict)
    errors: dict[str, DaemonError] = field(default_factory=dict)
    """Why the others were not found."""
    lost: DaemonUnreachableError | None = None
    """Set when the daemon went away and did not come back, so that nobody knows how the jobs stand now."""

    def found(self) -> list[JobModel]:
        """Return the jobs that were found, in the order in which they were asked for."""
        return [self.jobs[reference] for reference in self.references if reference in self.jobs]


async def follow(daemon: Daemon, references: Sequence[str], patience: timedelta | None, *, live: bool) -> Following:
    """Wait until each job has come to its end or the patience is over; None waits for as long as it takes.

    live: show meanwhile how they stand: a table of a few, the sum of many. DaemonUnreachableError when no daemon
    answers to begin with.
    """
    following = Following(references=tuple(dict.fromkeys(references)))
    watch = Watch(daemon)
    await watch.begin()
    await _look_up(daemon, following, watch)
    seconds = None if patience is None else patience.total_seconds()
    try:
        with shown(watch.jobs, total=len({job.id for job in following.jobs.values()}), live=live):
            async with watched(watch):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await watch.ended.wait()
    except DaemonUnreachableError as error:
        following.lost = error
    following.jobs = {reference: watch.jobs[job.id] for reference, job in following.jobs.items()}
    return following


@asynccontextmanager
async def watched(watch: Watch) -> AsyncIterator[None]:
    """Let a watch run as long as the context lasts; DaemonUnreachableError when the daemon is away for too long."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(watch.run(), name="watch")
            yield
            running.cancel()
    except ExceptionGroup as group:
        raise first_of(group) from None


async def _look_up(daemon: Daemon, following: Following, watch: Watch) -> None:
    """Find each job, a few at a time; of those that are not there the error is noted."""
    left = iter(following.references)

    async def look() -> None:
        for reference in left:
            try:
                job = await daemon.job(reference)
            except DaemonError as error:
                following.errors[reference] = error
            else:
                following.jobs[reference] = job
                watch.learn(job)

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(min(AT_A_TIME, len(following.references))):
                tasks.create_task(look(), name=f"look up {number}")
    except ExceptionGroup as group:
        raise first_of(group) from None


def first_of(group: ExceptionGroup[Exception]) -> Exception:
    """Return one exception of a group: where several tasks talk to one daemon, it ends them for one reason."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def is_live(*, as_json: bool) -> bool:
    """True when a person looks on."""
    return not as_json and sys.stdout.isatty()
