"""Writes down what became of a create: a task, a refusal, or a doubt that is to be cleared up later."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Generation, Job
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.reports import Report, Source
from kling_daemon.store import (
    Effect,
    News,
    Postponement,
    Recorded,
    Store,
    StoreUnavailableError,
    Submission,
    SubmissionState,
)
from kling_daemon.tracking import KlingHealth, Tracker

log = structlog.get_logger(__name__)

T = TypeVar("T")

UNCONFIRMED = "the create got no clear answer, nobody can be asked whether the task exists, and it is not sent twice"

_HOLD = timedelta(minutes=1)
"""The pause while the account is held: a person must act, and one request a minute tells when that is done."""
_TROUBLED = Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=1))
_NO_SLOT = Backoff(least=timedelta(seconds=1), longest=timedelta(seconds=5))
"""The pauses until a slot is free: on a busy account that takes seconds."""
_LISTED_AFTER = timedelta(seconds=20)
"""When a task that is looked for on a list should stand there: not finding it may be the end of its job."""
_CALLED_BACK_WITHIN = timedelta(minutes=10)
"""For how long a create that cannot be looked up is left to callbacks before its job ends as unconfirmed."""
_NO_LOOK_UP = frozenset({ErrorKind.NO_SUCH_RESOURCE, ErrorKind.BAD_REQUEST})
"""A look-up that ends so will never be answered."""
UNSTORED = Backoff(least=timedelta(seconds=1), longest=timedelta(seconds=30))
"""The pauses while the store fails."""


class Conclusions:
    """Records the ends of creates, and sets when the others are taken up again; what Kling said is never given up.

    Every method insists while the store fails, and raises StoreUnavailableError only when it is time to stop: then the
    next start looks the task up.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        health: KlingHealth,
        clock: Clock,
        stopping: asyncio.Event,
        on_settled: Callable[[str], None],
    ) -> None:
        """Take the parts. stopping: set when it is time to stop. on_settled: told of each job that has its answer."""
        self._store = store
        self._tracker = tracker
        self._health = health
        self._clock = clock
        self._stopping = stopping
        self._on_settled = on_settled
        # By job, until when; after a restart that time begins anew, for we were not there to be called.
        self._left_to_callbacks: dict[str, datetime] = {}

    async def confirm(self, job: Job, report: Report) -> None:
        """Record Kling's first report of the task that a create has made."""
        recorded = await self._record(News(report=report, job_id=job.id))
        if recorded.effect is Effect.IGNORED:
            message = f"the external id {job.external_id!r} belongs to another task, {report.task_id}"
            await self.fail(job, FailureReason.REJECTED, message)

    async def error(self, submission: Submission, error: KlingError, *, doubtful: bool) -> None:
        """Decide what follows from an error of Kling's by its kind.

        doubtful: it came from the look-up of a create that may have happened, so nothing is known yet.
        """
        job, kind, said = submission.job, error.kind, str(error)
        if doubtful and kind in _NO_LOOK_UP:
            await self.give_up(submission, f"{UNCONFIRMED}: {said}")
        elif doubtful:
            await self.later(submission, SubmissionState.AMBIGUOUS, said)
        elif (reason := kind.create_failure) is not None:
            await self.fail(job, reason, said)
            await self._health.refused(model_path(submission), error)
        elif kind.calls_for_look_up and not can_be_looked_up(submission):
            await self.give_up(submission, f"{UNCONFIRMED}: {said}")
        elif kind.calls_for_look_up:
            await self._postpone(job, SubmissionState.AMBIGUOUS, self._first_look_up(submission), said)
        elif kind.holds_account:
            await self._postpone(job, SubmissionState.QUEUED, self._clock.now() + _HOLD, said)
        else:
            backoff = _NO_SLOT if kind is ErrorKind.CONCURRENCY else _TROUBLED
            await self._postpone(job, SubmissionState.QUEUED, self._after(submission, backoff), said)

    async def give_up(self, submission: Submission, message: str) -> None:
        """End a job that nobody can confirm, once a callback has had time to: it would prove that there is a task."""
        job, now = submission.job, self._clock.now()
        until = self._left_to_callbacks.setdefault(job.id, now + _CALLED_BACK_WITHIN)
        if submission.callback_expected and now < until:
            await self._postpone(job, SubmissionState.AMBIGUOUS, until, message)
            return
        await self.fail(job, FailureReason.UNCONFIRMED, message)
        self._left_to_callbacks = {id_: end for id_, end in self._left_to_callbacks.items() if end > now}

    def _first_look_up(self, submission: Submission) -> datetime:
        endpoint = endpoint_of(submission.path)
        if endpoint.is_solution or not endpoint.has_external_id:
            return self._clock.now() + _LISTED_AFTER
        return self._clock.now() if submission.tries == 1 else self._after(submission, _TROUBLED)

    def _after(self, submission: Submission, backoff: Backoff) -> datetime:
        return self._clock.now() + backoff.pause(submission.tries)

    async def later(self, submission: Submission, state: SubmissionState, error: str) -> None:
        """Have a create tried or looked up again after a while, which grows with each time."""
        await self._postpone(submission.job, state, self._after(submission, _TROUBLED), error)

    async def _postpone(self, job: Job, state: SubmissionState, due_at: datetime, error: str) -> None:
        postponement = Postponement(job_id=job.id, state=state, due_at=due_at, error=error)
        await self._insist(lambda: self._store.postpone_submission(postponement))

    async def fail(self, job: Job, reason: FailureReason, message: str) -> None:
        """End a job whose create has made no task, or none that anybody could confirm."""
        now = self._clock.now()
        report = Report.of_failure(job, reason, message, source=Source.SUBMISSION, received_at=now)
        await self._record(News(report=report, job_id=job.id))

    async def _record(self, news: News) -> Recorded:
        recorded = await self._insist(lambda: self._tracker.record(news))
        self._on_settled(news.job_id or "")
        return recorded

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write down what Kling said, again and again while the store fails: it cannot simply be asked once more."""
        failures = 0
        while True:
            try:
                return await write()
            except StoreUnavailableError as error:
                if self._stopping.is_set():
                    raise
                log.error("submission could not be stored", error=str(error))  # noqa: TRY400 - the words say why
            failures += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(UNSTORED.pause(failures).total_seconds()):
                    await self._stopping.wait()


def can_be_looked_up(submission: Submission) -> bool:
    """Whether Kling, or one of its lists, may tell of the task by our own id."""
    return submission.job.external_id is not None and endpoint_of(submission.path).takes_external_id


def model_path(submission: Submission) -> str:
    """Return what a model goes by: its path, or where the models of a product share one, the path and its name."""
    model = submission.job.model
    is_shared = endpoint_of(submission.path).generation is Generation.LEGACY and model is not None
    return f"{submission.path} {model}" if is_shared else submission.path
