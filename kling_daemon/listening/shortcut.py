"""A short way for the requests that come by the thousand: past aiohttp's request and response objects, not its parser.

Most of what an aiohttp handler costs is spent on objects that a plain POST with a fixed answer has no use for. A
connection with a shortcut hands such requests over itself. All others, and whatever is unusual, go the way of every
aiohttp connection, so that they are treated by one code alone.
"""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from kling_daemon.listening.connections import QuietConnection
from kling_daemon.listening.limiter import ConnectionLimiter

LONGEST_BODY = 64 * 1024
"""The longest body that a shortcut may take, in bytes: a connection holds as much without anybody reading it."""


_LAST = b"\r\nConnection: close\r\n"
"""What follows the first line of a connection's last answer."""


class Shortcut(Protocol):
    """Answers some requests in place of the application; its answers must be those that the application would give."""

    def takes(self, message: RawRequestMessage) -> bool:
        """True for a request that it will answer.

        Its body must be announced and no longer than LONGEST_BODY, and the connection meant to stay open after it.
        """
        ...

    def take(self, message: RawRequestMessage, body: bytes, answer: Callable[[bytes], None], peer: str | None) -> None:
        """Have `answer` called once, later, with the whole HTTP answer; raises nothing. peer: as `peer_of` says."""
        ...


class ShortcutConnection(QuietConnection):
    """One connection; requests are answered in their order, one after the other, as aiohttp does.

    aiohttp parses what comes into a queue, from which its own task takes one request after the other while it is woken.
    It is woken only for requests that the shortcut does not take.
    """

    __slots__ = ("_shortcut",)

    def __init__(self, shortcut: Shortcut, limiter: ConnectionLimiter, manager: web.Server, **settings: object) -> None:
        """Take the shortcut, and what every connection takes."""
        super().__init__(limiter, manager, **settings)
        self._shortcut = shortcut

    def data_received(self, data: bytes) -> None:
        """Parse what came, and see to the request that it completes."""
        waiter, self._waiter = self._waiter, None  # or aiohttp would wake its task for any request
        before = self._request_count
        web.RequestHandler.data_received(self, data)
        self._waiter = waiter
        if data and self._request_count == before:
            self._note_half_a_head()
        self._see_to_the_next()

    def resume_writing(self) -> None:
        """Go on when the client has read what it was answered."""
        super().resume_writing()
        self._see_to_the_next()

    def _see_to_the_next(self) -> None:
        """Hand the first request of the queue to whom it belongs, unless one before it is still being answered."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._request_in_progress:
            return  # aiohttp's task, or the shortcut, is at work
        if not self._messages or self._paused or self._close or self._force_close:
            return
        message, body = self._messages[0]
        if not isinstance(message, RawRequestMessage) or not self._shortcut.takes(message):
            waiter.set_result(None)
        elif body.is_eof():
            self._request_in_progress = True
            self._take_from_queue()
            self._shortcut.take(message, body.read_nowait(), self._answer, self._peer)

    def _take_from_queue(self) -> None:
        self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def _answer(self, answer: bytes) -> None:
        self._request_in_progress = False
        if self.transport is not None and not self.transport.is_closing():
            if self._limiter.is_leaving and not self._messages:
                answer = answer.replace(b"\r\n", _LAST, 1)
                self.close()
            self.transport.write(answer)
            if self._close:
                self.transport.close()
        if self._handler_waiter is not None:  # a stop waits for this answer
            self._handler_waiter.set_result(None)
        self._see_to_the_next()
