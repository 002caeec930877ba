"""Long polls: requests that are answered when a job has come to its end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from kling_daemon.bus import Bus, Listener
from kling_daemon.events import EventType, JobEvent
from kling_daemon.jobs import Job
from kling_daemon.store import Reader

RECHECK = timedelta(seconds=2)
"""How long a lost ring of the bus can go unnoticed."""

_ENDS = (EventType.COMPLETED, EventType.FAILED)


class WaitingRoom:
    """Where requests wait for ends of jobs, until `close` sends all of them home."""

    def __init__(self, read: Reader, bus: Bus, *, recheck: timedelta = RECHECK) -> None:
        """Take what is read, and what tells when it is worth reading again."""
        self._read = read
        self._bus = bus
        self._recheck = recheck.total_seconds()
        self._closed = False
        self._naps: set[asyncio.Timeout] = set()

    async def until_end(self, job: Job, patience: timedelta, gone: Callable[[], bool] = lambda: False) -> Job:
        """Return the job at its end; or as it stands when the patience is over, the daemon stops or nobody waits.

        gone: True once whoever waits has hung up.
        """
        clock = asyncio.get_running_loop()
        deadline = clock.time() + patience.total_seconds()
        # Subscribed before the first look: an end between the two would ring for nobody.
        with self._bus.subscribe(_ENDS) as listener:
            while True:
                job = await self._read.job(job.id) or job
                remaining = deadline - clock.time()
                if job.state.is_terminal or remaining <= 0 or self._closed or gone():
                    return job
                await self._nap(listener, job.id, min(remaining, self._recheck))

    def close(self) -> None:
        """Answer all who wait, and let nobody wait from now on."""
        self._closed = True
        for nap in self._naps:
            if not nap.expired():
                nap.reschedule(0)

    async def _nap(self, listener: Listener, job_id: str, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds) as nap:
                self._naps.add(nap)
                try:
                    async for item in listener:
                        if isinstance(item, JobEvent) and item.job_id == job_id:
                            return
                finally:
                    self._naps.discard(nap)
