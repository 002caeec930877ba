"""What everything else of a daemon is made on: the store, the ways in for news and notices, bells and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from kling_daemon import __version__
from kling_daemon.app.from_settings import poll_policy
from kling_daemon.app.old_keys import OldKeys
from kling_daemon.backoff import Backoff
from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.config import Settings
from kling_daemon.polling import PollPolicy
from kling_daemon.punctuality import JobKind
from kling_daemon.store import DiskReserve, Store
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import Capabilities, NoticeBoard, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs for as long as anything does, and knows none of what is made on it."""

    store: Store
    reserve: DiskReserve
    tracker: Tracker
    board: NoticeBoard
    keys: OldKeys
    bus: Bus
    clock: Clock
    metrics: Metrics
    polling: PollPolicy
    hastened: dict[JobKind, timedelta]
    """What `polling` reads: how long those kinds of jobs are left to their callbacks whose callbacks fail."""
    last_written: datetime | None
    """When an earlier run wrote last, by the wall clock of that time."""

    @property
    def capabilities(self) -> Capabilities:
        """What callback URLs are made with, and proved by."""
        return self.keys.capabilities


@asynccontextmanager
async def open_parts(settings: Settings, *, clock: Clock, bus: Bus | None) -> AsyncIterator[Parts]:
    """Open the store and what is made on it; raises StoreError. bus: one that others hear as well."""
    metrics = Metrics(version=__version__)
    hastened: dict[JobKind, timedelta] = {}
    polling = poll_policy(settings, hastened)
    bus = bus or Bus(on_drop=metrics.ring_dropped)
    opening = Store.open(
        settings.store.directory,
        clock=clock,
        policy=polling,
        backoff=Backoff(least=settings.delivery.backoff, longest=settings.delivery.max_backoff),
        on_commit=metrics.commit,
    )
    async with opening as store:
        metrics.open_jobs(await store.read.open_job_counts())
        # Before anything is written with the clock of now.
        last_written = await store.due.last_written()
        await store.note_start()
        yield Parts(
            store=store,
            reserve=DiskReserve(settings.store.directory, settings.store.reserve),
            tracker=Tracker(store, bus, metrics),
            board=NoticeBoard(store, bus, clock, count=metrics.notice),
            keys=await OldKeys.open(store, settings.store.directory),
            bus=bus,
            clock=clock,
            metrics=metrics,
            polling=polling,
            hastened=hastened,
            last_written=last_written,
        )
