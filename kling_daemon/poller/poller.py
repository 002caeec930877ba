"""The polling loop: jobs whose time has come are asked for in batches, and so are hints, at their own slow pace."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from random import sample
from typing import Protocol

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import KlingError
from kling_daemon.kling.everywhere import has_own_query
from kling_daemon.poller.hint_follower import HintFollower
from kling_daemon.poller.losses import Losses
from kling_daemon.poller.troubles import first_trouble, is_trouble, may_be_one_job
from kling_daemon.reports import Report
from kling_daemon.store import News, Store, StoredJob, StoreUnavailableError
from kling_daemon.telemetry import Rarely
from kling_daemon.tracking import KlingHealth, Tracker

log = structlog.get_logger(__name__)

BATCH = 500
"""The most jobs in one step: 25 requests."""
_PART = 100
"""How many of them are asked about at once."""
_PROBES = 10
"""How many of the longest due are asked about singly, and as many of the others, when asking goes wrong repeatedly."""
_FRUITLESS = 3
"""After so many of them without an answer it is not the single job."""
_IDLE = timedelta(seconds=30)
"""The longest sleep: due times are read anew after it, in case the wall clock was set."""
_TROUBLED = Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=1))
"""The pauses while Kling or the store fails."""


class Counters(Protocol):
    """What the poller counts; filled by the telemetry."""

    def polls(self, outcome: str, count: int = 1) -> None:
        """Count jobs that Kling was asked about: `answered`, `unknown`, `unreadable` or `failed`."""
        ...


class Poller:
    """Asks Kling about jobs that are due.

    Due times live in the store and move only when an answer was recorded, so that a crash, an outage or our own
    downtime leaves jobs due and nothing forgotten. Starting never waits for Kling.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        client: KlingClient,
        health: KlingHealth,
        clock: Clock,
        counters: Counters,
        hints: HintFollower,
        losses: Losses,
    ) -> None:
        """Take whom to ask and whom to tell. losses: told of what Kling knows and does not know."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._clock = clock
        self._counters = counters
        self._hints = hints
        self._losses = losses
        self._failures = 0
        self._may_be_one_job = False
        self._strangers, self._unanswered = Rarely(now=clock.monotonic), Rarely(now=clock.monotonic)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Poll until stopped."""
        while not self._stopping.is_set():
            # Before the step: cleared after it, a ring that came meanwhile would be lost.
            self._tracker.polls_changed.clear()
            try:
                pause = await self.step()
            except StoreUnavailableError as error:
                log.error("polls could not be stored", error=str(error))  # noqa: TRY400 - the words say why
                self._failures += 1
                pause = _TROUBLED.pause(self._failures)
            # While Kling or the store fails, news must not hurry us.
            bell = self._stopping if self._failures else self._tracker.polls_changed
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await bell.wait()

    def stop(self) -> None:
        """Let `run` return when what was asked has been answered and recorded."""
        self._stopping.set()
        self._tracker.polls_changed.set()

    async def step(self) -> timedelta:
        """Ask about one batch of due jobs and, when it is their time, hints; return after how long to look again."""
        trouble = await self._poll_due(self._clock.now())
        if trouble is None:
            trouble = await self._hints.step()
        if trouble is not None:
            log.warning("kling could not be asked", kind=trouble.kind.value, error=str(trouble))
            await self._health.failed(trouble)
            self._failures += 1
            self._may_be_one_job = may_be_one_job(trouble)
            return _TROUBLED.pause(self._failures)
        self._failures = 0
        await self._losses.step()
        return await self._pause()

    async def _pause(self) -> timedelta:
        due = await self._store.due.next_poll_due()
        pause = _IDLE if due is None else min(due - self._clock.now(), _IDLE)
        if (until_hints := await self._hints.pause()) is not None:
            pause = min(pause, until_hints)
        return max(pause, timedelta(0))

    async def _poll_due(self, now: datetime) -> KlingError | None:
        """Ask about what is due, a part at a time; each is read only then, for news may come meanwhile."""
        chosen = await self._store.due.due_polls(now, BATCH)
        if self._failures > 1 and self._may_be_one_job:
            if (trouble := await self._poll_singly(chosen, now)) is not None:
                return trouble
            self._failures = 0
        for start in range(0, len(chosen), _PART):
            due = await self._store.due.jobs_to_poll(chosen[start : start + _PART], now)
            if (trouble := await self._poll(due)) is not None:
                return trouble
        return None

    async def _poll_singly(self, chosen: Sequence[int], now: datetime) -> KlingError | None:
        """Ask about a few due jobs one by one; what goes wrong with one alone must not keep Kling from the others.

        Without this a task whose answer Kling cannot give, or nobody can read, would fail each request that names it.
        """
        others = chosen[_PROBES:]
        probes = [*chosen[:_PROBES], *sample(others, min(_PROBES, len(others)))]
        failed, trouble, is_answered = list[StoredJob](), None, False
        for seq in sample(probes, len(probes)):
            due = await self._store.due.jobs_to_poll([seq], now)
            error = await self._poll(due)
            if error is None:
                is_answered = is_answered or bool(due)
                continue
            failed, trouble = [*failed, *due], error
            if not may_be_one_job(error) or (len(failed) == _FRUITLESS and not is_answered):
                return error
        if not is_answered:
            return trouble
        if trouble is not None:
            log.warning("kling does not answer for single jobs", jobs=len(failed), error=str(trouble))
            await self._store.poll_unanswered(failed)
        return None

    async def _poll(self, due: Sequence[StoredJob]) -> KlingError | None:
        """Ask about jobs and record what Kling says; return why none more can be asked at the moment, if so."""
        by_task = {stored.job.task_id: stored for stored in due if stored.job.task_id is not None}
        if not by_task:
            return None
        asked_at = self._clock.now()
        endpoints = {task_id: stored.job.endpoint for task_id, stored in by_task.items() if stored.job.endpoint}
        answers = await self._client.query(list(by_task), endpoints)
        trouble = first_trouble(answers.errors)
        await self._record([(by_task[report.task_id or ""], report) for report in answers.reports], asked_at)
        if answers.reports or trouble is None:
            await self._health.answered()
        elif not answers.unknown_ids:
            self._losses.begin_anew()
        unknown = [by_task[task_id] for task_id in answers.unknown_ids]
        # With access and secret key alone, each was already asked for at its own path.
        ask_again = self._client.opens_new_generation
        strangers = [stored for stored in unknown if not (ask_again and has_own_query(stored.job))]
        await self._put_off_strangers(strangers, asked_at)
        unanswered = [by_task[task_id] for task_id in answers.unanswered_ids]
        if trouble is not None:
            self._counters.polls("failed", len(unanswered))
            return trouble
        if unanswered and (before := self._unanswered.due()) is not None:
            errors = [*map(str, answers.errors[:1])]
            log.warning("kling gives no answer about jobs", jobs=len(unanswered), errors=errors, passed_over=before)
        # What Kling will not answer, or nobody can read, must not be asked for again and again without a pause.
        await self._put_off(unanswered, "unreadable")
        return await self._ask_one_by_one([stored for stored in unknown if ask_again and has_own_query(stored.job)])

    async def _put_off_strangers(self, strangers: Sequence[StoredJob], asked_at: datetime) -> None:
        """Put off jobs that Kling does not know, unless it is clear by now that they are lost."""
        if strangers:
            if (before := self._strangers.due()) is not None:  # with the wrong key it is so of every batch
                first = strangers[0].job.id
                log.warning("kling does not know jobs", jobs=len(strangers), first_job_id=first, passed_over=before)
            # One that has ended was asked for because of a contradiction: it is not lost.
            ended = [stored for stored in strangers if stored.job.state.is_terminal]
            still_open = [stored for stored in strangers if not stored.job.state.is_terminal]
            await self._put_off([*ended, *await self._losses.unknown(still_open, asked_at)], "unknown")

    async def _ask_one_by_one(self, unknown: Sequence[StoredJob]) -> KlingError | None:
        """Ask for legacy jobs that `GET /tasks` does not know at the path that made them; what is left stays due."""
        trouble, strangers = None, list[StoredJob]()
        began = self._clock.now()
        for stored in await self._chosen_singly(unknown):
            job = stored.job
            asked_at = self._clock.now()
            try:
                report = await self._client.query_one(job.endpoint or "", job.task_id or "")
            except KlingError as error:
                if is_trouble(error):
                    self._counters.polls("failed")
                    trouble = error
                    break
                log.warning("kling refuses to be asked for a job", job_id=job.id, error=str(error))
                await self._put_off([stored], "unreadable")
                continue
            if report is not None:
                await self._record([(stored, report)], asked_at)
            else:
                strangers.append(stored)
        await self._put_off_strangers(strangers, began)
        return trouble

    async def _chosen_singly(self, unknown: Sequence[StoredJob]) -> Sequence[StoredJob]:
        """Return those to be asked for singly: all, or a few at random while the key may be another account's.

        Then thousands may be unknown, and would keep Kling busy with questions for nothing; the others are put off.
        """
        if len(unknown) <= _PROBES or await self._losses.trusts_key():
            return unknown
        chosen = sample(unknown, _PROBES)
        await self._put_off([stored for stored in unknown if stored not in chosen], "unknown")
        return chosen

    async def _put_off(self, jobs: Sequence[StoredJob], outcome: str) -> None:
        if jobs:
            self._counters.polls(outcome, len(jobs))
            await self._store.poll_unanswered(jobs)

    async def _record(self, answers: Sequence[tuple[StoredJob, Report]], asked_at: datetime) -> None:
        """Record what Kling answered; an end found without being prompted is a callback that did not come."""
        if answers:
            self._counters.polls("answered", len(answers))
            await self._tracker.record_all(
                [News(report=report, job_id=stored.job.id, polled_at=asked_at) for stored, report in answers]
            )
            await self._losses.known([stored.job.id for stored, _ in answers])
