"""A stream of events that goes on where it left off, whatever becomes of the connection and the daemon."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp
import pydantic

from kling_daemon.backoff import Backoff
from kling_daemon.client.errors import DaemonError, DaemonUnreachableError
from kling_daemon.client.models import EventModel
from kling_daemon.client.server_sent import Blocks

LONGEST_PAUSE = timedelta(seconds=10)

Connect = Callable[[str | None], Awaitable[aiohttp.ClientResponse]]
"""Opens the stream after a cursor, or where it begins by itself; raises what `Daemon`'s methods raise."""
Lost = Callable[[DaemonError | DaemonUnreachableError], None]


class EventStream:
    """An async iterator over events as they happen; it has no end of its own.

    When the connection breaks or the daemon restarts, it comes back by itself, with growing pauses, and goes on behind
    the last event that it has returned: none is lost and none returned twice. It is for one reader. It hangs up when it
    is closed, as by `async with`, or forgotten.

    Raises DaemonUnreachableError when there was no daemon to begin with, or for longer than the patience;
    DaemonError when the daemon refuses, as it does a token that is not valid any more. What is kept of `cursor` can be
    given to a later stream, of another process too.
    """

    def __init__(
        self, connect: Connect, *, cursor: str | None, patience: timedelta | None, on_loss: Lost = lambda _error: None
    ) -> None:
        """Take how to connect; `Daemon.events` makes them.

        patience: how long the daemon may be away, None for however long. on_loss: called when the stream has been lost
        and is being looked for again, with the reason.
        """
        self.cursor = cursor
        """The place behind the last event that was returned; None before the first connection."""
        self._connect = connect
        self._patience = patience
        self._on_loss = on_loss
        self._response: aiohttp.ClientResponse | None = None
        self._blocks = Blocks()
        self._events: deque[EventModel] = deque()
        self._backoff = Backoff(least=timedelta(seconds=1), longest=LONGEST_PAUSE)
        self._failures = 0
        self._begun = False
        self._lost_at: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        """Hang up when nobody iterates any more: a loop that is left leaves the daemon no listener."""
        self._hang_up()

    def __aiter__(self) -> Self:
        """Iterate over the events as they come."""
        return self

    async def __anext__(self) -> EventModel:
        """Return the next event, waiting for one if need be."""
        while not self._events:
            try:
                if self._response is None:
                    await self._open()
                await self._receive()
            except (DaemonError, DaemonUnreachableError) as error:
                await self._come_back(error)
        event = self._events.popleft()
        self.cursor = event.cursor
        return event

    async def aclose(self) -> None:
        """Hang up; the daemon's context does it as well. Iterating goes on where it was, over a new connection."""
        self._hang_up()

    def _hang_up(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()

    async def _open(self) -> None:
        self._response = await self._connect(self.cursor)
        self._blocks = Blocks()
        self._begun = True

    async def _receive(self) -> None:
        """Read what has arrived; raises DaemonUnreachableError when the stream has ended or is silent for too long."""
        assert self._response is not None  # noqa: S101 - it is opened first
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DaemonUnreachableError(f"the stream of events broke off ({type(error).__name__})") from error
        if not chunk:
            raise DaemonUnreachableError("the daemon ended the stream of events")
        for block in self._blocks.feed(chunk):
            self._failures, self._lost_at = 0, None
            if block.retry is not None:
                least = min(timedelta(milliseconds=block.retry), LONGEST_PAUSE)
                self._backoff = Backoff(least=least, longest=LONGEST_PAUSE)
            if block.data is not None:
                self._events.append(_read(block.data))
            elif block.id is not None and not self._events:
                self.cursor = block.id

    async def _come_back(self, error: DaemonError | DaemonUnreachableError) -> None:
        """Pause before the next try; raises the error where none is to follow."""
        await self.aclose()
        refused = isinstance(error, DaemonError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if refused or not self._begun:
            raise error
        now = asyncio.get_running_loop().time()
        if self._lost_at is None:
            self._lost_at = now
            self._on_loss(error)
        if self._patience is not None and now - self._lost_at >= self._patience.total_seconds():
            raise error
        self._failures += 1
        pause = self._backoff.pause(self._failures, random.random())  # noqa: S311 - it spreads out those who come back
        await asyncio.sleep(pause.total_seconds())


def _read(data: str) -> EventModel:
    try:
        return EventModel.model_validate_json(data)
    except pydantic.ValidationError as error:
        raise DaemonError(HTTPStatus.OK, "Not a daemon", "what answers sends no events of kling-daemon's") from error
