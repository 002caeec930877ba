"""Connections that keep quiet: what is no HTTP gets one short answer and one short line in the log.

They also tell the limiter what they are at, so that those who dawdle are sent away.

aiohttp's own answer to it repeats the bytes that came and names the versions of its parts, and its log line is a
traceback, so that anybody who can connect could fill the log.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.http_parser import RawRequestMessage

from kling_daemon.listening.limiter import ConnectionLimiter, Standing
from kling_daemon.listening.timeouts import Stage

_NO_HTTP = "this is no request in HTTP"


class QuietConnection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_half_of", "_limiter", "_link", "_peer")

    def __init__(self, limiter: ConnectionLimiter, manager: web.Server, **settings: object) -> None:
        """Take who lets it in, and what every connection of aiohttp's takes."""
        super().__init__(manager, **settings)  # type: ignore[arg-type]
        self._limiter = limiter
        self._link: asyncio.Transport | None = None  # aiohttp lets go of its own before the connection is gone
        self._peer: str | None = None
        self._half_of = 0  # nor is the first request there as soon as the connection is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if the limiter has room."""
        self._link = cast("asyncio.Transport", transport)
        self._peer = peer_of(transport)
        if self._limiter.admit(self, self._loop.time()):
            super().connection_made(transport)
        else:
            self._link.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._limiter.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        before = self._request_count
        super().data_received(data)
        if data and self._request_count == before:
            self._note_half_a_head()

    def _note_half_a_head(self) -> None:
        """Remember that the next request has begun, when what came can only be a part of its head."""
        if self._waiter is not None and not self._messages and not self._request_in_progress:
            self._half_of = self._request_count

    def standing(self) -> Standing:
        """Return what it is at, for the limiter."""
        count, link = self._request_count, self._link
        if link is None or link.is_closing():
            return (Stage.CLOSING, count, 0 if link is None else link.get_write_buffer_size())
        payload = None
        if self._messages:
            payload = self._messages[0][1]
        elif self._current_request is not None:
            payload = self._current_request.content
        if payload is not None and not payload.is_eof():
            return (Stage.BODY, count, payload.total_bytes)
        if self._paused:
            return (Stage.UNREAD, count, link.get_write_buffer_size())
        if self._request_in_progress or self._messages:
            return (Stage.ANSWERING, count, 0)
        if self._half_of == count:
            return (Stage.HEAD, count, 0)
        # While aiohttp reads on in a body that nobody wanted, it waits for no request.
        return (Stage.IDLE if self._waiter is not None else Stage.BODY, count, 0)

    def send_away(self) -> None:
        """Close it at once."""
        self.force_close()
        if self._link is not None:
            self._link.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what came
    ) -> web.StreamResponse:
        """Return the answer to what could not be read as a request; the connection ends with it."""
        self.log_exception(status=status, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun, and another one would spoil it")
        return _refusal(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one that aiohttp has worded itself is put in words of ours."""
        if isinstance(resp, web.HTTPException):
            resp = _refusal(resp.status, close=False)
        return await super().finish_response(request, resp, start_time)

    async def _handle_request(self, request: web.BaseRequest, *more: Any) -> Any:
        """Have a request answered, unless it is one that another server on its way may have read otherwise."""
        if not _is_plain(request._message):  # noqa: SLF001 - `request.version` could not be set any more
            request._version = HttpVersion10  # noqa: SLF001 - else the answer would speak the sender's version
            more = (more[0], self._refuse)
        return await super()._handle_request(request, *more)

    async def _refuse(self, _request: web.BaseRequest) -> web.StreamResponse:
        self._limiter.note_failure(HTTPStatus.BAD_REQUEST, "Ambiguous")
        return _refusal(HTTPStatus.BAD_REQUEST)

    def log_exception(self, *_args: Any, status: int | None = None, exc_info: Any = None, **_more: Any) -> None:
        """Have it told what went wrong with the connection by its kind alone: its words are the sender's."""
        self._limiter.note_failure(status, type(exc_info).__name__)


def peer_of(transport: asyncio.BaseTransport | None) -> str | None:
    """Return the address at a connection's other end; None for a Unix socket and for a connection that is gone."""
    name = None if transport is None else transport.get_extra_info("peername")
    return name[0] if isinstance(name, tuple) else None


def _is_plain(message: RawRequestMessage) -> bool:
    """True for HTTP/1.0 and HTTP/1.1 whose body ends where everybody says that it does.

    aiohttp's parser refuses two lengths, a length with chunks, folded lines and bare line feeds; but it takes HTTP/0.9
    and HTTP/2.0, codings before `chunked`, and chunks in HTTP/1.0.
    """
    coding = message.headers.get(hdrs.TRANSFER_ENCODING)
    if coding is None:
        return message.version in (HttpVersion10, HttpVersion11)
    return message.version == HttpVersion11 and coding.strip().lower() == "chunked"


def _refusal(status: int, *, close: bool = True) -> web.Response:
    """Return a generic answer."""
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if status == HTTPStatus.BAD_REQUEST:
        problem["detail"] = _NO_HTTP
    response = web.json_response(
        problem, status=status, content_type="application/problem+json", headers={"Server": "kling-daemon"}
    )
    if close:
        response.force_close()
    return response
