"""Following jobs to their end, with a live table on a terminal."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from kling_daemon.cli.job_views import HEADINGS, job_line
from kling_daemon.cli.output import rich_table
from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError
from kling_daemon.client.models import JobModel

if TYPE_CHECKING:
    from rich.table import Table

GRACE = timedelta(minutes=1)
"""How long a daemon that has answered before may be away: it may be restarting."""

_LIVE_PATIENCE = timedelta(seconds=2)
_PATIENCE = timedelta(minutes=1)
_PAUSE = 0.5
_FRAMES_PER_SECOND = 4


@dataclass
class Following:
    """What has become of the jobs so far, by the reference under which each was asked for."""

    references: Sequence[str]
    jobs: dict[str, JobModel] = field(default_factory=dict)
    errors: dict[str, DaemonError | DaemonUnreachableError] = field(default_factory=dict)

    def found(self) -> list[JobModel]:
        """Return the jobs that were found, in the order in which they were asked for."""
        return [self.jobs[reference] for reference in self.references if reference in self.jobs]


async def follow(daemon: Daemon, references: Sequence[str], patience: timedelta | None, *, live: bool) -> Following:
    """Wait until each job has come to its end or the patience is over; None waits for as long as it takes.

    live: show a table meanwhile, which is gone afterwards: it shows no more than fits on the screen.
    """
    following = Following(references=tuple(dict.fromkeys(references)))
    deadline = inf if patience is None else asyncio.get_running_loop().time() + patience.total_seconds()
    async with _shown(following, live=live), asyncio.TaskGroup() as tasks:
        for reference in following.references:
            following_one = _follow(daemon, reference, deadline, following, live=live)
            tasks.create_task(following_one, name=f"follow-{reference}")
    return following


async def _follow(daemon: Daemon, reference: str, deadline: float, following: Following, *, live: bool) -> None:
    clock = asyncio.get_running_loop()
    answered_at = -inf
    longest = timedelta()  # the first question is answered at once, so that an unknown job is not waited for
    while True:
        remaining = max(deadline - clock.time(), 0.0)
        try:
            job = await daemon.poll(reference, timedelta(seconds=min(remaining, longest.total_seconds())))
        except DaemonUnreachableError as error:
            if clock.time() - answered_at > GRACE.total_seconds() or clock.time() >= deadline:
                following.errors[reference] = error
                return
            await asyncio.sleep(_PAUSE)
            continue
        except DaemonError as error:
            following.errors[reference] = error
            return
        answered_at = clock.time()
        following.jobs[reference] = job
        if job.state.is_terminal or clock.time() >= deadline:
            return
        longest = _LIVE_PATIENCE if live else _PATIENCE


@asynccontextmanager
async def _shown(following: Following, *, live: bool) -> AsyncIterator[None]:
    if not live:
        yield
        return
    from rich.live import Live

    def table() -> "Table":
        now = datetime.now(UTC)
        rows = [
            job_line(following.jobs[reference], now) if reference in following.jobs else (reference, *[""] * 5)
            for reference in following.references
        ]
        return rich_table(HEADINGS, rows)

    with Live(get_renderable=table, refresh_per_second=_FRAMES_PER_SECOND, transient=True):
        yield


def is_live(*, as_json: bool) -> bool:
    """True when a person looks on."""
    return not as_json and sys.stdout.isatty()
