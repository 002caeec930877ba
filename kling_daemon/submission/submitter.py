"""Creates jobs at Kling: stores the intent, sends it once, and looks up what got no clear answer."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Job, JobState, Origin, new_id
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.endpoints import endpoint_of, field_of, model_of, with_field
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.reports import Report, Source
from kling_daemon.store import (
    Effect,
    Intent,
    News,
    Postponement,
    Store,
    StoreUnavailableError,
    Submission,
    SubmissionState,
)
from kling_daemon.submission.spool import Spool
from kling_daemon.tracking import Capabilities, KlingHealth, Tracker

log = structlog.get_logger(__name__)

PARALLEL = 8
"""How many creates are on the wire at a time."""
_IDLE = timedelta(seconds=30)
_HOLD = timedelta(minutes=1)
"""The pause while the account is held: a person must act, and one request a minute tells when that is done."""
_BACKOFF_MIN = timedelta(seconds=1)
_BACKOFF_MAX = timedelta(minutes=1)
_CONCURRENCY_MAX = timedelta(seconds=5)
"""The longest pause for a free slot: slots free up within seconds on a busy account."""
_MAX_PATH = 256
_UNCONFIRMED = "the create got no clear answer, this endpoint offers no look-up, and it is not sent twice"


class SubmitRefusedError(Exception):
    """The daemon does not take this submission; nothing was stored or sent. The message says why."""


class Submitter:
    """Brings stored intents to Kling.

    A job's id is also its external id at Kling, unless the caller gave one, so that after a crash, a time-out or a
    lost answer the task can be found; only when Kling says that there is none is the same body sent again. A second
    create with the same external id is refused by Kling and not billed.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        client: KlingClient,
        health: KlingHealth,
        spool: Spool,
        capabilities: Capabilities,
        clock: Clock,
        callback_url: str | None,
        account: str = "default",
    ) -> None:
        """Take the parts. callback_url: where Kling reaches the receiver's callback path; None where it cannot."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._spool = spool
        self._capabilities = capabilities
        self._clock = clock
        self._callback_url = callback_url
        self._account = account
        self._bell = asyncio.Event()
        # A body is swept from the spool only while none is on its way between spool and store.
        self._accepting = asyncio.Lock()
        self._stopping = False

    async def accept(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str] | None = None,
        external_id: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Store the intent to create a job and return it; Kling is asked right afterwards.

        path: the create path, such as `/text-to-video/kling-3.0`. body: what Kling documents for it; a callback URL
        or external id of the caller's own is kept. job_id: makes the call repeatable: a job that has it already is
        returned as it stands. Raises SubmitRefusedError, or StoreUnavailableError, and then nothing is left behind.
        """
        endpoint = endpoint_of(_checked(path))
        if job_id is not None and (known := await self._store.read.job(job_id)) is not None:
            return known
        now = self._clock.now()
        job_id = job_id or new_id(now)
        external_id = external_id or field_of(body, endpoint.external_id_field)
        if external_id is not None:
            await self._refuse_duplicate(external_id)
        elif endpoint.has_external_id:
            external_id = job_id
        if external_id is not None:
            body = with_field(body, endpoint.external_id_field, external_id)
        elsewhere = field_of(body, endpoint.callback_field) is not None
        expected = self._callback_url is not None and not elsewhere
        if expected:
            url = f"{self._callback_url}/{self._capabilities.issue(job_id)}"
            body = with_field(body, endpoint.callback_field, url)
        job = Job(
            id=job_id,
            task_id=None,
            external_id=external_id,
            account=self._account,
            generation=endpoint.generation,
            endpoint=path,
            model=model_of(path, body),
            state=JobState.QUEUED,
            reason=None,
            message="",
            outputs=(),
            cost=(),
            tags=dict(tags or {}),
            origin=Origin.SUBMITTED,
            created_at=now,
            submitted_at=None,
            updated_at=now,
            finished_at=None,
            contradicted=False,
            callback_missed=False,
        )
        try:
            raw = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise SubmitRefusedError(f"the body cannot be sent as JSON: {error}") from error
        async with self._accepting:
            digest = await self._spool.put(raw)
            intent = Intent(job=job, path=path, digest=digest, callback_expected=expected)
            recorded = await self._store.make_job(intent)
        self._tracker.tell(News(), recorded)
        self._bell.set()
        return recorded.job or job

    async def run(self) -> None:
        """Send what is due until stopped; what is on the wire when it is cancelled is looked up at the next start."""
        await self._sweep()
        while not self._stopping:
            self._bell.clear()
            try:
                if await self.step():
                    continue
                pause = await self._pause()
            except StoreUnavailableError as error:
                log.error("submissions could not be stored", error=str(error))  # noqa: TRY400 - the words say why
                pause = _IDLE
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._bell.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Let `run` return when what is on the wire has been answered."""
        self._stopping = True
        self._bell.set()

    async def step(self) -> bool:
        """Send one batch of due creates; True when there was one."""
        submissions = await self._store.claim_submissions(PARALLEL)
        async with asyncio.TaskGroup() as group:
            for submission in submissions:
                group.create_task(self._submit(submission), name=f"submit {submission.job.id}")
        if submissions:
            await self._sweep()
        return bool(submissions)

    async def _sweep(self) -> None:
        async with self._accepting:
            await self._spool.keep_only(await self._store.read.digests_in_use())

    async def _pause(self) -> timedelta:
        due = await self._store.read.next_submission_due()
        return _IDLE if due is None else max(min(due - self._clock.now(), _IDLE), timedelta(0))

    async def _refuse_duplicate(self, external_id: str) -> None:
        other = await self._store.read.job(external_id)
        if other is not None:
            raise SubmitRefusedError(f"the external id {external_id!r} is already that of job {other.id}")

    async def _submit(self, submission: Submission) -> None:
        """Bring one create as far as it goes now. A crash anywhere in here leaves it to be looked up."""
        job = submission.job
        with structlog.contextvars.bound_contextvars(job_id=job.id):
            doubtful = submission.was is SubmissionState.AMBIGUOUS
            if doubtful and job.external_id is None:
                # Nobody can be asked whether it exists, and sending it again might pay twice.
                await self._fail(job, FailureReason.UNCONFIRMED, _UNCONFIRMED)
                return
            try:
                report = await self._look_up(submission) if doubtful else None
                if report is None:
                    doubtful = False  # Kling says clearly that there is no such task
                    report = await self._client.create(submission.path, await self._spool.get(submission.digest))
            except KlingError as error:
                log.warning("create failed", kind=error.kind.value, error=str(error), tries=submission.tries)
                await self._health.failed(error)
                await self._settle_error(submission, error, doubtful=doubtful)
            except FileNotFoundError:
                await self._fail(
                    job, FailureReason.REJECTED, "the request body is gone from the spool; nothing was sent"
                )
            else:
                await self._health.created()
                await self._confirm(job, report)

    async def _look_up(self, submission: Submission) -> Report | None:
        job = submission.job
        if job.external_id is None:
            return None
        return await self._client.look_up(submission.path, job.external_id)

    async def _confirm(self, job: Job, report: Report) -> None:
        recorded = await self._tracker.record(News(report=report, job_id=job.id))
        if recorded.effect is Effect.IGNORED:
            message = f"the external id {job.external_id!r} belongs to another task, {report.task_id}"
            await self._fail(job, FailureReason.REJECTED, message)

    async def _settle_error(self, submission: Submission, error: KlingError, *, doubtful: bool) -> None:
        """Decide what follows from an error by its kind.

        doubtful: it came from the look-up of a create that may have happened, so nothing is known yet.
        """
        job, kind = submission.job, error.kind
        if doubtful:
            await self._postpone(job, SubmissionState.AMBIGUOUS, self._after(submission, _BACKOFF_MAX), error)
        elif (reason := kind.create_failure) is not None:
            await self._fail(job, reason, str(error))
        elif kind.calls_for_look_up and job.external_id is None:
            await self._fail(job, FailureReason.UNCONFIRMED, f"{_UNCONFIRMED}: {error}")
        elif kind.calls_for_look_up:
            at_once = submission.tries == 1
            due_at = self._clock.now() if at_once else self._after(submission, _BACKOFF_MAX)
            await self._postpone(job, SubmissionState.AMBIGUOUS, due_at, error)
        elif kind.holds_account:
            await self._postpone(job, SubmissionState.QUEUED, self._clock.now() + _HOLD, error)
        else:
            longest = _CONCURRENCY_MAX if kind is ErrorKind.CONCURRENCY else _BACKOFF_MAX
            await self._postpone(job, SubmissionState.QUEUED, self._after(submission, longest), error)

    def _after(self, submission: Submission, longest: timedelta) -> datetime:
        return self._clock.now() + min(_BACKOFF_MIN * (1 << min(submission.tries - 1, 10)), longest)

    async def _postpone(self, job: Job, state: SubmissionState, due_at: datetime, error: KlingError) -> None:
        await self._store.postpone_submission(Postponement(job_id=job.id, state=state, due_at=due_at, error=str(error)))

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
        await self._tracker.record(News(report=report, job_id=job.id))


def _checked(path: str) -> str:
    """Return a create path; SubmitRefusedError for what is none."""
    plain = path.isascii() and path.isprintable() and not any(character in path for character in " ?#%\\")
    if not path.startswith("/") or not plain or len(path) > _MAX_PATH or ".." in path or "//" in path:
        raise SubmitRefusedError(
            f"{path[:80]!r} is no create path of Kling's; give one such as /text-to-video/kling-3.0"
        )
    return path
