"""Looks at something from time to time, for as long as the daemon runs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from kling_daemon.store import StoreUnavailableError

log = structlog.get_logger(__name__)


class Watching:
    """A loop around one look; the store's trouble is logged, and the next look comes at its time."""

    def __init__(
        self, look: Callable[[], Awaitable[timedelta | None]], *, every: timedelta, first: timedelta = timedelta(0)
    ) -> None:
        """Take what to do, and how long to wait after it unless the look itself says; first: how long before the first.

        every: also the pause while the store fails.
        """
        self._look = look
        self._every = every
        self._first = first
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look until stopped."""
        task = asyncio.current_task()
        pause = self._first
        while not await self._stopped_within(pause):
            said = None
            try:
                said = await self._look()
            except StoreUnavailableError as error:
                log.warning("the store could not be used", by=task.get_name() if task else "", error=str(error))
            pause = self._every if said is None else said

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    async def _stopped_within(self, pause: timedelta) -> bool:
        if pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._stopping.wait()
        return self._stopping.is_set()
