"""Plain callbacks, as Kling sends them: answered without aiohttp's request and response objects, many at a time.

What is plain is drawn narrowly, so that here nothing can mean anything else than it does to the application, which
takes all the rest.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import HttpVersion11
from aiohttp.http_parser import RawRequestMessage

from kling_daemon.listening import LONGEST_BODY
from kling_daemon.receiver.answers import JSON, to_bytes
from kling_daemon.tracking import Callback, Inbox

TOGETHER = 128
"""The most callbacks that are taken at a time, so that a burst does not hold the event loop for long."""

_CAPABILITY = re.compile(r"/[0-9A-Za-z-]+\.[0-9A-Za-z_-]+")  # nothing that is read otherwise once it is decoded


class PlainCallbacks:
    """The shortcut of the public listener.

    Callbacks that come in the same turn of the event loop are taken together: judging, reading and recording are then
    done for one after the other, which takes much less time than to do all of it for each in a task of its own.
    """

    def __init__(self, inbox: Inbox, tasks: asyncio.TaskGroup, *, path: str, max_body: int) -> None:
        """Take callbacks at a path for the inbox; max_body is in bytes."""
        self._inbox = inbox
        self._tasks = tasks
        self._path = path.rstrip("/")
        self._max_body = min(max_body, LONGEST_BODY)
        self._waiting: deque[tuple[Callback, Callable[[bytes], None]]] = deque()

    @classmethod
    @asynccontextmanager
    async def running(cls, inbox: Inbox, *, path: str, max_body: int) -> AsyncIterator[Self]:
        """Take callbacks for as long as the context lasts; what is under way at its end is answered first."""
        async with asyncio.TaskGroup() as tasks:
            yield cls(inbox, tasks, path=path, max_body=max_body)

    def takes(self, message: RawRequestMessage) -> bool:
        """True for a POST of JSON of an announced and allowed length, to the callback path itself or a capability."""
        headers = message.headers
        return (
            message.method == "POST"
            and self._is_ours(message.path)
            and message.version == HttpVersion11
            and not message.should_close
            and not message.upgrade
            and headers.get("Content-Type") == JSON
            and 0 < int(headers.get("Content-Length", 0)) <= self._max_body
            and "Content-Encoding" not in headers
            and "Expect" not in headers
            and "Transfer-Encoding" not in headers
        )

    def take(
        self, message: RawRequestMessage, body: bytes, answer: Callable[[bytes], None], peer: str | None = None
    ) -> None:
        """Have a callback answered once it is committed."""
        callback = Callback(headers=message.raw_headers, body=body, path=message.path, peer=peer)
        self._waiting.append((callback, answer))
        if len(self._waiting) == 1:
            self._begin()

    def _begin(self) -> None:
        self._tasks.create_task(self._answer(), name="callbacks that came together")

    async def _answer(self) -> None:
        """Answer what has come in the turn of the loop in which this was begun."""
        together = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
        if self._waiting:
            self._begin()
        answers = await self._inbox.take_all([callback for callback, _ in together])
        as_bytes = {answer: to_bytes(answer) for answer in set(answers)}
        for (_, tell), answer in zip(together, answers, strict=True):
            tell(as_bytes[answer])

    def _is_ours(self, path: str) -> bool:
        if path == self._path:
            return True
        return path.startswith(self._path) and _CAPABILITY.fullmatch(path, len(self._path)) is not None
