"""Which jobs Kling says it does not know, how often it has said so in a row, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kling_daemon.clock import Clock
from kling_daemon.fast_init import fast_init
from kling_daemon.store import StoredJob

ANSWERS = 3
"""How often Kling must have said so at the least."""
LIMIT = 10_000
"""So many jobs are remembered; when more are unknown, that is no matter of single jobs."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """An unbroken series of answers in which Kling did not know a job."""

    since: datetime
    """When the first of them was asked for."""
    answers: int
    polls: int
    """How the last one found the job's own count of polls, which a callback sets back."""
    began: float
    """When it began, by the clock that never jumps."""
    finding: str | None = None
    """What came of looking into it last; None before that."""
    looked: float | None = None
    """When it was last looked into, by the same clock."""


class Vanished:
    """The series of this run of the daemon.

    They are kept in memory alone, and forgotten when Kling could not be asked: so after our own downtime and after an
    outage of Kling's, jobs are asked for again and again before anything is concluded.
    """

    def __init__(self, clock: Clock, grace: timedelta) -> None:
        """Take for how long Kling must not have known a job before that is looked into."""
        self._clock = clock
        self._grace = grace.total_seconds()
        self._series: dict[str, Series] = {}

    def unknown(self, jobs: Iterable[StoredJob], asked_at: datetime) -> list[StoredJob]:
        """Note that Kling did not know these jobs; return those whose series is to be looked into."""
        return [stored for stored in jobs if self._is_ripe(stored, asked_at)]

    def looked_into(self, job_id: str, finding: str) -> None:
        """Note that nothing could be concluded: the job is looked into again after as long a time."""
        series = self._series.get(job_id)
        if series is not None:
            self._series[job_id] = replace(series, looked=self._clock.monotonic(), finding=finding)

    def known(self, job_ids: Iterable[str]) -> None:
        """End the series of jobs that Kling knows, or that have ended."""
        if self._series:
            for job_id in job_ids:
                self._series.pop(job_id, None)

    def begin_anew(self) -> None:
        """End all series: for a while Kling could not be asked."""
        self._series.clear()

    def of(self, job_id: str) -> Series | None:
        """Return a job's series; None when Kling knew it when it was last asked, or was not asked since the start."""
        return self._series.get(job_id)

    def _is_ripe(self, stored: StoredJob, asked_at: datetime) -> bool:
        job_id, polls, now = stored.job.id, stored.following.polls, self._clock.monotonic()
        before = self._series.get(job_id)
        if before is None or polls <= before.polls:
            # A callback that came in between speaks of the job, so that Kling knew it then.
            if before is not None or len(self._series) < LIMIT:
                self._series[job_id] = Series(since=asked_at, answers=1, polls=polls, began=now)
            return False
        after = replace(before, answers=before.answers + 1, polls=polls)
        self._series[job_id] = after
        rested = now - (after.began if after.looked is None else after.looked) >= self._grace
        return after.answers >= ANSWERS and rested
