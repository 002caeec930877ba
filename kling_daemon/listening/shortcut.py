"""A short way for the requests that come by the thousand: past aiohttp's request and response objects, not its parser.

Most of what an aiohttp handler costs is spent on objects that a plain POST with a fixed answer has no use for. A
connection with a shortcut answers such requests itself. From the first other one on, it is an ordinary connection of
aiohttp's for the rest of its life; so whatever is unusual is treated by one code alone.
"""

from typing import Protocol

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from kling_daemon.listening.connections import QuietConnection


class Shortcut(Protocol):
    """Answers some requests in place of the application; its answers must be those that the application would give."""

    def takes(self, message: RawRequestMessage) -> bool:
        """True for a request that it will answer. The connection must be meant to stay open after it."""
        ...

    async def answer(self, message: RawRequestMessage, body: bytes) -> bytes:
        """Return the whole HTTP answer; never raises."""
        ...


class ShortcutConnection(QuietConnection):
    """One connection; requests are answered in their order, one after the other, as aiohttp does."""

    __slots__ = ("_body", "_shortcut")

    def __init__(self, shortcut: Shortcut, manager: web.Server, **settings: object) -> None:
        """Take the shortcut, and what every connection of aiohttp's takes."""
        super().__init__(manager, **settings)  # type: ignore[arg-type]
        self._shortcut = shortcut
        self._body: StreamReader | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give up a body that will not come any more; aiohttp knows only those of its own requests."""
        super().connection_lost(exc)
        if self._body is not None:
            self._body.set_exception(ConnectionResetError("connection lost"))

    async def start(self) -> None:
        """Answer requests until the connection ends; in place of aiohttp's own loop, and handing over to it."""
        while not self._force_close:
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            message, body = self._messages[0]
            if not isinstance(message, RawRequestMessage) or not self._shortcut.takes(message):
                if self._manager is not None:  # else the connection is lost, and nobody waits for an answer
                    await super().start()
                return
            self._take_from_queue()
            self._request_in_progress = True
            try:
                await self._answer(message, body)
            except ConnectionResetError:
                return
            finally:
                self._request_in_progress = False
                if self._handler_waiter is not None:  # a stop waits for this answer
                    self._handler_waiter.set_result(None)
            if self._close:
                break
            self._stay_open()
        if not self._force_close and self.transport is not None:
            self._task_handler = None
            self.transport.close()

    def _take_from_queue(self) -> None:
        self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    async def _answer(self, message: RawRequestMessage, payload: StreamReader) -> None:
        body = payload.read_nowait() if payload.is_eof() else await self._rest_of(payload)
        answer = await self._shortcut.answer(message, body)
        if self.transport is not None:
            self.transport.write(answer)
            if self._paused:
                await self._drain_helper()

    async def _rest_of(self, payload: StreamReader) -> bytes:
        self._body = payload
        try:
            return await payload.read()
        finally:
            self._body = None

    def _stay_open(self) -> None:
        """Let the time count anew after which an idle connection is closed."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
