"""Plain callbacks, as Kling sends them: answered without aiohttp's request and response objects.

What is plain is drawn narrowly, so that here nothing can mean anything else than it does to the application, which
takes all the rest.
"""

import re

import structlog
from aiohttp import HttpVersion11
from aiohttp.http_parser import RawRequestMessage

from kling_daemon.receiver.answers import JSON, UNHANDLED, to_bytes
from kling_daemon.tracking import Inbox

_CAPABILITY = re.compile(r"/[0-9A-Za-z-]+\.[0-9A-Za-z_-]+")  # nothing that is read otherwise once it is decoded

log = structlog.get_logger(__name__)


class PlainCallbacks:
    """The shortcut of the public listener."""

    def __init__(self, inbox: Inbox, *, path: str, max_body: int) -> None:
        """Take callbacks at a path for the inbox; max_body is in bytes."""
        self._inbox = inbox
        self._path = path.rstrip("/")
        self._max_body = max_body

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

    async def answer(self, message: RawRequestMessage, body: bytes) -> bytes:
        """Return the HTTP answer to a callback once it is committed; never raises."""
        try:
            answer = await self._inbox.take(message.raw_headers, body, message.path)
        except Exception:
            log.exception("callback could not be handled")
            answer = UNHANDLED
        return to_bytes(answer)

    def _is_ours(self, path: str) -> bool:
        if path == self._path:
            return True
        return path.startswith(self._path) and _CAPABILITY.fullmatch(path, len(self._path)) is not None
