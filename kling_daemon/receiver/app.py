"""The aiohttp application that faces the internet: one callback path, one health path, generic answers."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import http_exceptions, web

from kling_daemon.listening import peer_of
from kling_daemon.receiver.answers import BODIES, JSON, SERVER
from kling_daemon.receiver.bodies import Bodies, CrowdedError
from kling_daemon.tracking import UNHANDLED, Inbox

HEALTH_PATH = "/healthz"

log = structlog.get_logger(__name__)


def build_receiver(inbox: Inbox, *, path: str, max_body: int) -> web.Application:
    """Return the application; max_body is in bytes and counts what is streamed, whatever the headers say.

    One catch-all route, so that every answer, also to unknown paths and methods, is ours and tells nothing.
    """
    callback_path, bodies = path.rstrip("/"), Bodies(max_body=max_body)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == HEALTH_PATH:
            return _reply(200) if request.method in ("GET", "HEAD") else _reply(405, allow="GET, HEAD")
        if request.path != callback_path and not request.path.startswith(f"{callback_path}/"):
            return _reply(404)
        if request.method != "POST":
            return _reply(405, allow="POST")
        return await _take(inbox, request, bodies, max_body)

    app = web.Application(client_max_size=max_body, middlewares=[_no_traceback])
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def _take(inbox: Inbox, request: web.Request, bodies: Bodies, max_body: int) -> web.StreamResponse:
    peer = peer_of(request.transport)
    if (refusal := inbox.bars(peer, request.raw_headers)) is not None:
        return _reply(refusal.status, close=True)
    if request.content_type != JSON or "Content-Encoding" in request.headers:
        return _reply(415)
    if request.content_length is not None and request.content_length > max_body:
        return _reply(413, close=True)
    try:
        body = await bodies.read(request)
    except CrowdedError:
        answer = inbox.turn_away()
        return _reply(answer.status, retry_after=answer.retry_after, close=True)
    except web.HTTPRequestEntityTooLarge:
        return _reply(413, close=True)
    except (http_exceptions.HttpProcessingError, web.RequestPayloadError):
        return _reply(400, close=True)
    answer = await inbox.take(request.raw_headers, body, request.path, peer=peer)
    return _reply(answer.status, retry_after=answer.retry_after)


@web.middleware
async def _no_traceback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer 503 where our own code fails: a sender that is told so comes again, and nothing is lost."""
    try:
        return await handler(request)
    except (asyncio.CancelledError, ConnectionError, web.HTTPException):
        raise
    except Exception:
        log.exception("callback could not be handled")
        return _reply(UNHANDLED.status, retry_after=UNHANDLED.retry_after)


def _reply(
    status: int, *, allow: str | None = None, retry_after: int | None = None, close: bool = False
) -> web.Response:
    headers = {"Server": SERVER}
    if allow is not None:
        headers["Allow"] = allow
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    response = web.Response(status=status, body=BODIES[status], content_type=JSON, headers=headers)
    if close:
        # The rest of the body is not read, so the connection cannot be used for another request.
        response.force_close()
    return response
