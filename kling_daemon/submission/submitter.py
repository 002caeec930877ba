"""Sends stored creates to Kling, each once, and looks up what got no clear answer."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import KlingError
from kling_daemon.reports import Report
from kling_daemon.store import Store, StoreUnavailableError, Submission, SubmissionState
from kling_daemon.submission.conclusions import UNCONFIRMED, UNSTORED, Conclusions, can_be_looked_up, model_path
from kling_daemon.submission.spool import Spool
from kling_daemon.tracking import AccountProof, KlingHealth, Tracker

log = structlog.get_logger(__name__)

PARALLEL = 8
"""How many creates are on the wire at a time."""
_IDLE = timedelta(seconds=30)
_SWEEP_AFTER = 100
"""So many settled creates leave bodies behind before the spool is swept while there is more to send."""
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
        self._conclusions = Conclusions(
            store=store,
            tracker=tracker,
            health=health,
            clock=clock,
            stopping=self._stopping,
            on_settled=self._note_settled,
        )

    async def run(self) -> None:
        """Send what is due until stopped; returns when what is on the wire has been answered."""
        failures = 0
        async with asyncio.TaskGroup() as creates:
            while not self._stopping.is_set():
                # Before the step: cleared after it, a ring that came meanwhile would be lost.
                self._bell.clear()
                try:
                    pause, failures = await self.step(creates), 0
                except StoreUnavailableError as error:
                    log.error("submissions could not be taken up", error=str(error))  # noqa: TRY400 - the words say why
                    failures += 1
                    # A bell ends it sooner: it rings when something was committed, and so the store works again.
                    pause = UNSTORED.pause(failures)
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
        if doubtful and not can_be_looked_up(submission):
            await self._conclusions.give_up(submission, UNCONFIRMED)
            return
        try:
            report = await self._look_up(submission) if doubtful else None
            if report is not None:
                await self._health.answered()
            elif doubtful and job.id not in self._sent and not await self._proof.holds():
                # Another account's key finds nothing, and what would be sent again would be paid for in both.
                await self._conclusions.later(submission, SubmissionState.AMBIGUOUS, _UNPROVED)
                return
            else:
                doubtful = False  # never sent, or Kling says clearly that there is no such task
                self._sent.add(job.id)
                report = await self._client.create(submission.path, await self._spool.get(submission.digest))
                await self._health.created()
                await self._health.taken(model_path(submission))
        except KlingError as error:
            log.warning("create failed", kind=error.kind.value, error=str(error), tries=submission.tries)
            await self._health.failed(error)
            await self._conclusions.error(submission, error, doubtful=doubtful)
        except FileNotFoundError:
            await self._conclusions.fail(job, FailureReason.REJECTED, _BODY_GONE)
        except OSError as error:
            log.error("body cannot be read", error=error.strerror)  # noqa: TRY400 - the words say why
            why = f"the body cannot be read: {error.strerror}"
            await self._conclusions.later(submission, SubmissionState.QUEUED, why)
        else:
            await self._conclusions.confirm(job, report)

    async def _look_up(self, submission: Submission) -> Report | None:
        job = submission.job
        return await self._client.look_up(submission.path, job.external_id or "", made=job.created_at)

    def _note_settled(self, job_id: str) -> None:
        self._sent.discard(job_id)
        self._settled += 1
