"""Gives jobs up for good that Kling has taken and will not tell of any more, because a person says so."""

from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Job, JobState
from kling_daemon.reports import Report, Source
from kling_daemon.store import Effect, News, Store
from kling_daemon.tracking.tracker import Tracker

_TRIES = 10
"""News that comes in between is looked at first; where there is more of it than this, the job is not dead at all."""


class NotAbandonableError(Exception):
    """The job is not to be given up, and nothing was changed; the message says why."""


class Abandoner:
    """Ends open jobs that were sent as `failed`, `lost`. Time alone never ends a job; a person may."""

    def __init__(self, *, store: Store, tracker: Tracker, clock: Clock) -> None:
        """Take the parts."""
        self._store = store
        self._tracker = tracker
        self._clock = clock

    async def abandon(self, job: Job, by: str) -> Job:
        """Return the job, lost; one that was lost already is returned as it stands.

        by: who decided, for the job's message. Events and deliveries follow as from any end. What Kling tells of it
        later marks it as contradicted. Raises NotAbandonableError for a job that was not sent or has ended otherwise,
        also when that happens at the same moment.
        """
        for _ in range(_TRIES):
            history = await self._store.read.history(job.id, limit=1)
            if history is None:
                raise NotAbandonableError(f"job {job.id} is not kept any more")
            stored = history.stored
            if stored.job.reason is FailureReason.LOST:
                return stored.job
            if (why_not := _why_not(stored.job)) is not None:
                raise NotAbandonableError(why_not)
            news = News(report=self._report(stored.job, by), job_id=job.id, only_if=stored.following)
            recorded = await self._tracker.record(news)
            if recorded.effect is Effect.ADVANCED and recorded.job is not None:
                return recorded.job
        raise NotAbandonableError(f"there is news of job {job.id} all the time; look at it once more")

    def _report(self, job: Job, by: str) -> Report:
        message = f"given up by {by}; Kling may still know it"
        now = self._clock.now()
        return Report.of_failure(job, FailureReason.LOST, message, source=Source.ABANDONMENT, received_at=now)


def _why_not(job: Job) -> str | None:
    if job.state.is_terminal:
        return f"job {job.id} has {job.state} already"
    if job.state is JobState.QUEUED:
        return f"Kling has not taken job {job.id}; it can be cancelled, or is settled when Kling answers"
    return None
