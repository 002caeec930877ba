"""How well Kling's callbacks can be relied on, for each kind of job: whether they come, and how late."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import NamedTuple, Self

from kling_daemon.jobs import Generation, Job

PROMPT = timedelta(minutes=1)
"""A callback that comes later after the end than this is no better than none."""
ENOUGH = 20
"""Of fewer jobs nothing is concluded."""
UNRELIABLE = 0.1
"""From this share of jobs without a prompt callback on, polling starts earlier."""

_HALVES = 10
"""How many times the patience is halved when no callback comes at all: once for each tenth."""


class JobKind(NamedTuple):
    """What Kling may treat alike."""

    endpoint: str | None
    generation: Generation
    model: str | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return a job's kind."""
        return cls(endpoint=job.endpoint, generation=job.generation, model=job.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuality:
    """What became of the callbacks for the ends of some jobs of one kind, each of which was due one."""

    kind: JobKind
    jobs: int
    missed: int
    """None came."""
    late: int
    """One came, later than PROMPT."""
    usual_delay: timedelta | None
    """The median time between Kling's end of a job and its callback; None when none came."""
    longest_delay: timedelta | None

    @classmethod
    def judge(cls, kind: JobKind, delays: Iterable[timedelta | None]) -> Self:
        """Judge by the delay of each job's callback; None for one that did not come."""
        delays = list(delays)
        came = [delay for delay in delays if delay is not None]
        return cls(
            kind=kind,
            jobs=len(delays),
            missed=len(delays) - len(came),
            late=sum(delay > PROMPT for delay in came),
            usual_delay=timedelta(seconds=median(map(timedelta.total_seconds, came))) if came else None,
            longest_delay=max(came, default=None),
        )

    @property
    def share_unreliable(self) -> float:
        """The share of the jobs that no callback told of in time."""
        return (self.missed + self.late) / self.jobs if self.jobs else 0.0

    def patience(self, *, longest: timedelta, least: timedelta) -> timedelta:
        """Return how long callbacks are worth waiting for: half as long for each tenth of them that fails.

        longest: the patience with callbacks that are reliable, or of which too little is known. least: the shortest.
        """
        share = self.share_unreliable
        if self.jobs < ENOUGH or share < UNRELIABLE:
            return longest
        halved: timedelta = longest * 0.5 ** (share * _HALVES)
        return max(halved, min(least, longest))
