"""Ends jobs that Kling has lost, and none that it merely does not show to us."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import FailureReason, Job
from kling_daemon.kling.client import KlingClient
from kling_daemon.poller.account_doubt import AccountDoubt
from kling_daemon.poller.neighbours import Finding, Look, Neighbours
from kling_daemon.poller.vanished import Series, Vanished
from kling_daemon.reports import Report, Source
from kling_daemon.store import Effect, News, Store, StoredJob
from kling_daemon.tracking import AccountProof, NoticeBoard, Tracker

log = structlog.get_logger(__name__)

LOOKS = 10
"""How many jobs are looked into for one batch of answers; each look is a request or two."""
_REST = timedelta(minutes=1).total_seconds()
"""How long nothing is looked into once the account is in doubt."""


class Losses:
    """Follows the jobs that Kling does not know, in this run of the daemon, and concludes what can be concluded."""

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        client: KlingClient,
        board: NoticeBoard,
        proof: AccountProof,
        clock: Clock,
        grace: timedelta,
    ) -> None:
        """Take the parts. grace: for how long Kling must not have known a job before that is looked into."""
        self._proof = proof
        self._tracker = tracker
        self._clock = clock
        self._vanished = Vanished(clock, grace)
        self._neighbours = Neighbours(store, client, clock)
        self._doubt = AccountDoubt(store, board, clock)
        self._rests_until = clock.monotonic()

    def series(self, job_id: str) -> Series | None:
        """Return how often in a row Kling has not known a job, if it has not."""
        return self._vanished.of(job_id)

    async def trusts_key(self) -> bool:
        """Return whether what Kling does not know may be concluded from at all."""
        return self._clock.monotonic() >= self._rests_until and await self._proof.holds()

    def begin_anew(self) -> None:
        """Forget what Kling did not know: it could not be asked for a while."""
        self._vanished.begin_anew()

    async def step(self) -> None:
        """Take back a doubt about the account whose job has ended otherwise; a look once a minute at the most."""
        await self._doubt.step(frozenset())

    async def known(self, job_ids: Sequence[str]) -> None:
        """Note that Kling, when asked, knew these jobs."""
        self._vanished.known(job_ids)
        await self._doubt.step(frozenset(job_ids))

    async def unknown(self, strangers: Sequence[StoredJob], asked_at: datetime) -> list[StoredJob]:
        """Note that Kling, when asked, did not know these jobs; return those that go on, to be asked for again.

        Of the others, a report is recorded: that they are lost, or what Kling says now that it knows them again.
        """
        ripe = self._vanished.unknown(strangers, asked_at)
        settled: set[str] = set()
        for stored in ripe[:LOOKS]:
            if not await self.trusts_key():
                break
            if await self._look_into(stored):
                settled.add(stored.job.id)
        return [stored for stored in strangers if stored.job.id not in settled]

    async def _look_into(self, stored: StoredJob) -> bool:
        """Return whether a report was recorded."""
        job, asked_at = stored.job, self._clock.now()
        look = await self._neighbours.look_into(stored)
        match look.finding:
            case Finding.GONE:
                return await self._end(stored, look)
            case Finding.KNOWN:
                await self._tracker.record(News(report=look.report, job_id=job.id, polled_at=asked_at))
                await self.known([job.id])
                return True
            case Finding.DOUBTFUL:
                self._rests_until = self._clock.monotonic() + _REST
                await self._doubt.raise_(job.id, known=look.known, unknown=look.unknown)
        log.warning("kling does not know a job", job_id=job.id, finding=look.finding.value, known=look.known)
        self._vanished.looked_into(job.id, look.finding.value)
        return False

    async def _end(self, stored: StoredJob, look: Look) -> bool:
        job, series = stored.job, self._vanished.of(stored.job.id)
        if series is None:  # it has just been known again
            return False
        report = _loss(job, series, look, self._clock.now())
        recorded = await self._tracker.record(News(report=report, job_id=job.id, only_if=stored.following))
        if recorded.effect is not Effect.ADVANCED:
            return False
        log.warning("kling has lost a job", job_id=job.id, task_id=job.task_id, answers=series.answers)
        await self.known([job.id])
        return True


def _loss(job: Job, series: Series, look: Look, now: datetime) -> Report:
    """Return the report that Kling does not know a job. It bears no time of Kling's."""
    others = f"{look.known} of {look.known + look.unknown} jobs made around it"
    message = (
        f"Kling has not known it {series.answers + 1} times since {series.since:%Y-%m-%d %H:%M} UTC, "
        f"while it knows {others}"
    )
    return Report.of_failure(job, FailureReason.LOST, message, source=Source.POLL, received_at=now)
