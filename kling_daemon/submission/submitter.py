"""Sends stored creates to Kling, each once, and looks up what got no clear answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Generation, Job, JobState
from kling_daemon.kling.client import KlingClient
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
from kling_daemon.submission.spool import Spool
from kling_daemon.tracking import AccountProof, KlingHealth, Tracker

log = structlog.get_logger(__name__)

T = TypeVar("T")

PARALLEL = 8
"""How many creates are on the wire at a time."""
_IDLE = timedelta(seconds=30)
_HOLD = timedelta(minutes=1)
"""The pause while the account is held: a person must act, and one request a minute tells when that is done."""
_TROUBLED = Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=1))
_NO_SLOT = Backoff(least=timedelta(seconds=1), longest=timedelta(seconds=5))
"""The pauses until a slot is free: on a busy account that takes seconds."""
_UNSTORED = Backoff(least=timedelta(seconds=1), longest=timedelta(seconds=30))
"""The pauses while the store fails."""
_LISTED_AFTER = timedelta(seconds=20)
"""When a task that is looked for on a list should stand there: not finding it may be the end of its job."""
_CALLED_BACK_WITHIN = timedelta(minutes=10)
"""For how long a create that cannot be looked up is left to callbacks before its job ends as unconfirmed."""
_SWEEP_AFTER = 100
"""So many settled creates leave bodies behind before the spool is swept while there is more to send."""
_NO_LOOK_UP = frozenset({ErrorKind.NO_SUCH_RESOURCE, ErrorKind.BAD_REQUEST})
"""A look-up that ends so will never be answered."""
_UNCONFIRMED = "the create got no clear answer, nobody can be asked whether the task exists, and it is not sent twice"
_UNPROVED = "kling has no such task, but has not shown yet that it knows our jobs: the key may be another account's"
_BODY_GONE = "the request body is gone from the spool; nothing was sent"


class Submitter:
    """Brings stored intents to Kling.

    Only when Kling says that it has no task of our external id is a body sent again; a second create with the same
    external id is refused by Kling and not billed. What is on the wire at a crash, or when a stop takes too long, is
    looked up at the next start.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        client: KlingClient,
        health: KlingHealth,
        proof: AccountProof,
        spool: Spool,
        clock: Clock,
    ) -> None:
        """Take the parts. proof: that a look-up asks the account that an earlier run has sent a create to."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._proof = proof
        self._spool = spool
        self._clock = clock
        self._bell = asyncio.Event()
        self._stopping = asyncio.Event()
        self._on_the_wire = 0
        self._settled = 0
        self._sent: set[str] = set()
        """The jobs whose creates were sent in this run and are not settled: with the key that we look them up with."""
        # By job, until when; after a restart that time begins anew, for we were not there to be called.
        self._left_to_callbacks: dict[str, datetime] = {}

    async def run(self) -> None:
        """Send what is due until stopped; returns when what is on the wire has been answered."""
        async with asyncio.TaskGroup() as creates:
            while not self._stopping.is_set():
                # Before the step: cleared after it, a ring that came meanwhile would be lost.
                self._bell.clear()
                try:
                    pause = await self.step(creates)
                except StoreUnavailableError as error:
                    log.error("submissions could not be taken up", error=str(error))  # noqa: TRY400 - the words say why
                    pause = _UNSTORED.least
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause.total_seconds()):
                        await self._bell.wait()

    def wake(self) -> None:
        """Have the store looked into at once: something may be due."""
        self._bell.set()

    def note_cancelled(self) -> None:
        """Have the body of a job that was cancelled swept away, as those of settled creates are."""
        self._settled += 1
        self._bell.set()

    def stop(self) -> None:
        """Let `run` return when what is on the wire has been answered."""
        self._stopping.set()
        self._bell.set()

    async def step(self, creates: asyncio.TaskGroup) -> timedelta:
        """Send what is due and has a place; return after how long to look again unless the bell rings."""
        places = PARALLEL - self._on_the_wire
        if not places:
            return _IDLE
        submissions = await self._store.claim_submissions(places)
        for submission in submissions:
            self._on_the_wire += 1
            creates.create_task(self._submit(submission), name=f"submit {submission.job.id}")
        if len(submissions) == places:
            return _IDLE
        if self._settled and (not self._on_the_wire or self._settled >= _SWEEP_AFTER):
            self._settled = 0
            await self.sweep()
        due = await self._store.due.next_submission_due()
        return _IDLE if due is None else max(min(due - self._clock.now(), _IDLE), timedelta(0))

    async def sweep(self) -> None:
        """Delete the bodies that will not be sent any more."""
        await self._spool.sweep(self._store.due.digests_in_use)

    async def _submit(self, submission: Submission) -> None:
        """Bring one create as far as it goes now. A crash anywhere in here leaves it to be looked up."""
        with structlog.contextvars.bound_contextvars(job_id=submission.job.id):
            try:
                await self._bring(submission)
            except StoreUnavailableError as error:
                # Only when stopping: until then, what Kling said is offered to the store again and again.
                log.warning("left to be looked up", error=str(error))
            finally:
                self._on_the_wire -= 1
                self._bell.set()

    async def _bring(self, submission: Submission) -> None:
        job = submission.job
        doubtful = submission.was is SubmissionState.AMBIGUOUS
        if doubtful and not _can_be_looked_up(submission):
            await self._give_up(submission, _UNCONFIRMED)
            return
        try:
            report = await self._look_up(submission) if doubtful else None
            if report is not None:
                await self._health.answered()
            elif doubtful and job.id not in self._sent and not await self._proof.holds():
                # Another account's key finds nothing, and what would be sent again would be paid for in both.
                await self._postpone(job, SubmissionState.AMBIGUOUS, self._after(submission, _TROUBLED), _UNPROVED)
                return
            else:
                doubtful = False  # never sent, or Kling says clearly that there is no such task
                self._sent.add(job.id)
                report = await self._client.create(submission.path, await self._spool.get(submission.digest))
                await self._health.created()
                await self._health.taken(_model_path(submission))
        except KlingError as error:
            log.warning("create failed", kind=error.kind.value, error=str(error), tries=submission.tries)
            await self._health.failed(error)
            await self._settle_error(submission, error, doubtful=doubtful)
        except FileNotFoundError:
            await self._fail(job, FailureReason.REJECTED, _BODY_GONE)
        except OSError as error:
            log.error("body cannot be read", error=error.strerror)  # noqa: TRY400 - the words say why
            due_at = self._after(submission, _TROUBLED)
            await self._postpone(job, SubmissionState.QUEUED, due_at, f"the body cannot be read: {error.strerror}")
        else:
            await self._confirm(job, report)

    async def _look_up(self, submission: Submission) -> Report | None:
        job = submission.job
        return await self._client.look_up(submission.path, job.external_id or "", made=job.created_at)

    async def _confirm(self, job: Job, report: Report) -> None:
        recorded = await self._record(News(report=report, job_id=job.id))
        if recorded.effect is Effect.IGNORED:
            message = f"the external id {job.external_id!r} belongs to another task, {report.task_id}"
            await self._fail(job, FailureReason.REJECTED, message)

    async def _settle_error(self, submission: Submission, error: KlingError, *, doubtful: bool) -> None:
        """Decide what follows from an error by its kind.

        doubtful: it came from the look-up of a create that may have happened, so nothing is known yet.
        """
        job, kind, said = submission.job, error.kind, str(error)
        if doubtful and kind in _NO_LOOK_UP:
            await self._give_up(submission, f"{_UNCONFIRMED}: {said}")
        elif doubtful:
            await self._postpone(job, SubmissionState.AMBIGUOUS, self._after(submission, _TROUBLED), said)
        elif (reason := kind.create_failure) is not None:
            await self._fail(job, reason, said)
            await self._health.refused(_model_path(submission), error)
        elif kind.calls_for_look_up and not _can_be_looked_up(submission):
            await self._give_up(submission, f"{_UNCONFIRMED}: {said}")
        elif kind.calls_for_look_up:
            await self._postpone(job, SubmissionState.AMBIGUOUS, self._first_look_up(submission), said)
        elif kind.holds_account:
            await self._postpone(job, SubmissionState.QUEUED, self._clock.now() + _HOLD, said)
        else:
            backoff = _NO_SLOT if kind is ErrorKind.CONCURRENCY else _TROUBLED
            await self._postpone(job, SubmissionState.QUEUED, self._after(submission, backoff), said)

    async def _give_up(self, submission: Submission, message: str) -> None:
        """End a job that nobody can confirm, once a callback has had time to: it would prove that there is a task."""
        job, now = submission.job, self._clock.now()
        until = self._left_to_callbacks.setdefault(job.id, now + _CALLED_BACK_WITHIN)
        if submission.callback_expected and now < until:
            await self._postpone(job, SubmissionState.AMBIGUOUS, until, message)
            return
        await self._fail(job, FailureReason.UNCONFIRMED, message)
        self._left_to_callbacks = {id_: end for id_, end in self._left_to_callbacks.items() if end > now}

    def _first_look_up(self, submission: Submission) -> datetime:
        endpoint = endpoint_of(submission.path)
        if endpoint.is_solution or not endpoint.has_external_id:
            return self._clock.now() + _LISTED_AFTER
        return self._clock.now() if submission.tries == 1 else self._after(submission, _TROUBLED)

    def _after(self, submission: Submission, backoff: Backoff) -> datetime:
        return self._clock.now() + backoff.pause(submission.tries)

    async def _postpone(self, job: Job, state: SubmissionState, due_at: datetime, error: str) -> None:
        postponement = Postponement(job_id=job.id, state=state, due_at=due_at, error=error)
        await self._insist(lambda: self._store.postpone_submission(postponement))

    async def _fail(self, job: Job, reason: FailureReason, message: str) -> None:
        report = Report(
            task_id=None,
            external_id=job.external_id,
            generation=job.generation,
            state=JobState.FAILED,
            reason=reason,
            message=message,
            outputs=(),
            cost=(),
            created_at=None,
            updated_at=None,
            received_at=self._clock.now(),
            source=Source.SUBMISSION,
        )
        await self._record(News(report=report, job_id=job.id))

    async def _record(self, news: News) -> Recorded:
        recorded = await self._insist(lambda: self._tracker.record(news))
        self._sent.discard(news.job_id or "")
        self._settled += 1
        return recorded

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write down what Kling said, again and again while the store fails: it cannot simply be asked once more.

        Raises StoreUnavailableError when it is time to stop; then the next start looks the task up.
        """
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
                async with asyncio.timeout(_UNSTORED.pause(failures).total_seconds()):
                    await self._stopping.wait()


def _can_be_looked_up(submission: Submission) -> bool:
    return submission.job.external_id is not None and endpoint_of(submission.path).takes_external_id


def _model_path(submission: Submission) -> str:
    """Return what a model goes by: its path, or where the models of a product share one, the path and its name."""
    model = submission.job.model
    is_shared = endpoint_of(submission.path).generation is Generation.LEGACY and model is not None
    return f"{submission.path} {model}" if is_shared else submission.path
