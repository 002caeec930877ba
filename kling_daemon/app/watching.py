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

    def __init__(self, look: Callable[[], Awaitable[None]], *, every: timedelta) -> None:
        """Take what to do, and how long to wait after it; the first look comes at once."""
        self._look = look
        self._pause = every.total_seconds()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look until stopped."""
        while not self._stopping.is_set():
            try:
                await self._look()
            except StoreUnavailableError as error:
                log.warning("could not be looked at", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
