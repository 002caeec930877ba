"""Gives jobs up that Kling has not been asked for yet; what Kling has taken cannot be cancelled by anybody."""

from collections.abc import Callable

from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Job, JobState
from kling_daemon.reports import Report, Source
from kling_daemon.store import News, Store
from kling_daemon.tracking import Tracker

_MESSAGE = "cancelled before it was sent to Kling"


class NotCancellableError(Exception):
    """The job cannot be cancelled, and nothing was changed; the message says why."""


class Canceller:
    """Ends queued jobs as `failed`, `cancelled`."""

    def __init__(
        self, *, store: Store, tracker: Tracker, clock: Clock, on_cancelled: Callable[[], None] = lambda: None
    ) -> None:
        """Take the parts; on_cancelled: called when a body in the spool is not needed any more."""
        self._store = store
        self._tracker = tracker
        self._clock = clock
        self._on_cancelled = on_cancelled

    async def cancel(self, job: Job) -> Job:
        """Return the job, cancelled; one that was already is returned as it stands.

        Decided in one transaction against the submitter's claims: what is cancelled is never sent. Raises
        NotCancellableError for a job that Kling has, or may have.
        """
        if job.reason is FailureReason.CANCELLED:
            return job
        report = Report.of_failure(
            job, FailureReason.CANCELLED, _MESSAGE, source=Source.CANCELLATION, received_at=self._clock.now()
        )
        news = News(report=report, job_id=job.id)
        recorded = await self._store.cancel_submission(news)
        if recorded is None or recorded.job is None:
            raise NotCancellableError(_why_not(await self._store.read.job(job.id) or job))
        self._tracker.tell(news, recorded)
        self._on_cancelled()
        return recorded.job


def _why_not(job: Job) -> str:
    if job.state.is_terminal:
        return f"job {job.id} has {job.state} already"
    if job.state is JobState.QUEUED:
        return f"the create of job {job.id} is being sent, or Kling has not answered it clearly: it may be at work"
    return f"Kling has taken job {job.id}, and offers no way to cancel what it has taken"
