"""The loop that compares what the daemon knows with Kling's lists, at the start and every hour."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import KlingError
from kling_daemon.kling.lists import ListPage
from kling_daemon.poller.reconciliation import Purpose, Reconciliation, Tally, news_of, purpose_of
from kling_daemon.store import Store, StoreUnavailableError
from kling_daemon.tracking import AccountProof, KlingHealth, Tracker

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
MAX_PAGES = 40
"""How much of one list is read at a time: 20,000 tasks. Jobs that stand further back are polled."""
_TROUBLED = Backoff(least=timedelta(minutes=1), longest=timedelta(minutes=15))
"""The pauses while Kling or the store fails."""
_ENOUGH_JOBS = 10_000
"""So many open jobs tell which lists are worth reading."""


class Counters(Protocol):
    """What the reconciler counts; filled by the telemetry."""

    def reconciled(self, outcome: str) -> None:
        """Count a look at Kling's lists: `completed` or `failed`."""
        ...

    def found_on_lists(self, what: str, count: int) -> None:
        """Count jobs that a look has brought further: `adopted`, `settled` or `advanced`."""
        ...


class Reconciler:
    """Finds on Kling's lists what neither callbacks nor polls have brought yet.

    Each page is recorded before the next is asked for, and nothing follows from a task that is not on a list. So a
    crash at any moment costs nothing but the reading: the next start begins anew. One request is under way at a time.
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
        proof: AccountProof,
        adopt_all: bool,
    ) -> None:
        """Take whom to ask and whom to tell.

        proof: that the tasks on the lists are of our account. adopt_all: whether those are tracked, too, that other
        programs make.
        """
        self.last: Reconciliation | None = None
        """What came of the last look that was completed; None before the first."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._clock = clock
        self._counters = counters
        self._proof = proof
        self._adopt_all = adopt_all
        self._failures = 0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look at once, and then again and again until stopped."""
        while not self._stopping.is_set():
            try:
                pause = await self.step()
            except StoreUnavailableError as error:
                log.error("what kling's lists show could not be stored", error=str(error))  # noqa: TRY400 - as it says
                pause = self._fail()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Ask for no other page."""
        self._stopping.set()

    async def step(self) -> timedelta:
        """Look at the lists once, if there is anything to find out; return after how long to look again."""
        began = self._clock.now()
        purpose = await self._purpose()
        if purpose is None:
            return EVERY
        tally, trouble = Tally(), None
        for path in purpose.paths:
            try:
                await self._read(path, purpose, tally)
            except KlingError as error:
                trouble = trouble or error
                if error.kind.refuses_us or not tally.lists:
                    break
            if self._stopping.is_set():
                return timedelta(0)
        self._count(tally)
        if trouble is not None:
            log.warning("kling's lists could not be read", kind=trouble.kind.value, error=str(trouble))
            await (self._health.answered() if tally.lists else self._health.failed(trouble))
            return self._fail()
        await self._health.answered()
        if purpose.adopt_from is not None:
            await self._store.adopted_until(began)
        self._failures = 0
        self._conclude(tally.conclude(began))
        return EVERY

    async def _purpose(self) -> Purpose | None:
        due = self._store.due
        oldest_open = await due.oldest_open()
        return purpose_of(
            now=self._clock.now(),
            oldest_open=oldest_open,
            endpoints=await due.open_endpoints(_ENOUGH_JOBS) if oldest_open is not None else (),
            account=await due.account() if await self._adopts() else None,
            opens_new_generation=self._client.opens_new_generation,
        )

    async def _adopts(self) -> bool:
        """Tell whether tasks may be adopted: not while the key may be another account's, whose they would be."""
        if not self._adopt_all or not await self._proof.holds():
            return False
        return all(notice.kind is not NoticeKind.KLING_ACCOUNT for notice in await self._store.read.open_notices())

    async def _read(self, path: str, purpose: Purpose, tally: Tally) -> None:
        """Read one list, unless it is time to stop, and record what is new. Raises KlingError for an outage."""
        asked_at = self._clock.now()
        is_read = False
        try:
            async with aclosing(self._client.pages(path, since=purpose.since, most=MAX_PAGES)) as pages:
                async for page in pages:
                    await self._take(page, purpose, tally, asked_at)
                    is_read = page.is_last
                    if self._stopping.is_set():
                        return
                    asked_at = self._clock.now()
        except KlingError as error:
            if error.kind.is_retryable_read or error.kind.refuses_us:
                raise
            log.info("kling shows no such list", path=path, error=str(error))
            return
        tally.lists += 1
        if not is_read:
            tally.complete = False
            log.warning("a list of kling's goes on further than it is read", path=path, pages=MAX_PAGES)

    async def _take(self, page: ListPage, purpose: Purpose, tally: Tally, asked_at: datetime) -> None:
        tracked = await self._store.due.tracked(
            [report.task_id for report in page.reports if report.task_id is not None],
            [report.external_id for report in page.reports if report.external_id is not None],
        )
        news = news_of(page.reports, tracked, asked_at=asked_at, adopt_from=purpose.adopt_from)
        tally.count(await self._tracker.record_all(news))
        tally.pages += 1
        tally.tasks += page.size

    def _fail(self) -> timedelta:
        self._counters.reconciled("failed")
        self._failures += 1
        return _TROUBLED.pause(self._failures)

    def _count(self, tally: Tally) -> None:
        for what in ("adopted", "settled", "advanced"):
            if count := getattr(tally, what):
                self._counters.found_on_lists(what, count)

    def _conclude(self, result: Reconciliation) -> None:
        self.last = result
        self._counters.reconciled("completed")
        counts = {name: value for name, value in asdict(result).items() if name != "at"}
        seconds = round((self._clock.now() - result.at).total_seconds(), 3)
        log.info("compared with kling's lists", **counts, seconds=seconds)
