"""The polling loop: jobs whose time has come are asked for in batches, and so are hints, at their own slow pace."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import Generation
from kling_daemon.kling.client import MAX_IDS, KlingClient
from kling_daemon.kling.errors import KlingError
from kling_daemon.reports import Report
from kling_daemon.store import News, Store, StoredJob, StoreUnavailableError
from kling_daemon.tracking import KlingHealth, Tracker

log = structlog.get_logger(__name__)

BATCH = 500
"""The most jobs in one step: 25 requests."""
_IDLE = timedelta(seconds=30)
"""The longest sleep: due times are read anew after it, in case the wall clock was set."""
_RETRY_MIN = timedelta(seconds=1)
_RETRY_MAX = timedelta(minutes=1)


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
        adopt: bool,
        hint_queries_per_minute: float,
    ) -> None:
        """Take whom to ask, whom to tell, and how often hints without weight may cost a query."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._clock = clock
        self._adopt = adopt
        self._hint_pause = timedelta(minutes=1) / hint_queries_per_minute
        self._next_hint_query = clock.now()
        self._failures = 0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Poll until stopped."""
        while not self._stopping.is_set():
            self._tracker.polls_changed.clear()
            try:
                pause = await self._pause(healthy=await self.step())
            except StoreUnavailableError as error:
                log.error("polls could not be stored", error=str(error))  # noqa: TRY400 - the words say why
                pause = _RETRY_MAX
            # While Kling fails, news must not hurry us.
            bell = self._stopping if self._failures else self._tracker.polls_changed
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await bell.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Let `run` return when what was asked has been answered and recorded."""
        self._stopping.set()
        self._tracker.polls_changed.set()

    async def step(self) -> bool:
        """Ask about one batch of due jobs and, when it is their time, hints; True when Kling answered all."""
        now = self._clock.now()
        errors = await self._poll(await self._store.read.due_polls(now, BATCH))
        if not errors and now >= self._next_hint_query:
            errors = await self._follow_hints(now)
        for error in errors[:1]:
            log.warning("kling could not be asked", kind=error.kind.value, error=str(error))
            await self._health.failed(error)
        self._failures = self._failures + 1 if errors else 0
        return not errors

    async def _pause(self, *, healthy: bool) -> timedelta:
        if not healthy:
            return min(_RETRY_MIN * (1 << min(self._failures - 1, 10)), _RETRY_MAX)
        now = self._clock.now()
        due = await self._store.read.next_poll_due()
        waits = [_IDLE, due - now if due is not None else _IDLE]
        if await self._store.read.hints(1):
            waits.append(self._next_hint_query - now)
        return max(min(waits), timedelta(0))

    async def _poll(self, due: Sequence[StoredJob]) -> Sequence[KlingError]:
        if not due:
            return ()
        by_task = {stored.job.task_id: stored for stored in due if stored.job.task_id is not None}
        answers = await self._client.query(list(by_task))
        await self._record([(by_task[report.task_id or ""], report) for report in answers.reports])
        unknown = [stored for task_id, stored in by_task.items() if task_id in answers.unknown_ids]
        errors = [*answers.errors, *await self._ask_one_by_one(unknown)]
        # An entry that nobody can read must not be asked for again and again without a pause.
        illegible = [] if errors else [by_task[task_id] for task_id in answers.unanswered_ids]
        await self._store.poll_unanswered(illegible)
        if answers.reports or not errors:
            await self._health.answered()
        return errors

    async def _ask_one_by_one(self, unknown: Sequence[StoredJob]) -> list[KlingError]:
        """Ask for legacy jobs that `GET /tasks` does not know at the path that made them; the others wait."""
        errors: list[KlingError] = []
        unanswered = []
        for stored in unknown:
            job = stored.job
            if job.generation is not Generation.LEGACY or job.endpoint is None or job.task_id is None:
                unanswered.append(stored)
                continue
            try:
                report = await self._client.query_one(job.endpoint, job.task_id)
            except KlingError as error:
                errors.append(error)
                continue
            if report is None:
                unanswered.append(stored)
            else:
                await self._record([(stored, report)])
        if unanswered:
            log.warning("kling does not know jobs", jobs=len(unanswered), first_job_id=unanswered[0].job.id)
            await self._store.poll_unanswered(unanswered)
        return errors

    async def _record(self, answers: Sequence[tuple[StoredJob, Report]]) -> None:
        """Record what Kling answered; an end found without being prompted is a callback that did not come."""
        await self._tracker.record_all([
            News(
                report=replace(report, callback_missed=stored.callback_expected and not stored.prompted),
                job_id=stored.job.id,
            )
            for stored, report in answers
        ])  # fmt: skip

    async def _follow_hints(self, now: datetime) -> Sequence[KlingError]:
        """Ask about one batch of task ids that somebody named without proof; what Kling knows is tracked."""
        hinted = await self._store.read.hints(MAX_IDS)
        if not hinted:
            return ()
        self._next_hint_query = now + self._hint_pause
        answers = await self._client.query(hinted)
        await self._tracker.record_all([News(report=report, adopt=self._adopt) for report in answers.reports])
        if not answers.errors:
            await self._store.drop_hints(hinted)
        return answers.errors
