"""Refuses requests that were meant for somebody else, or that a page of somebody else's has a browser send."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from kling_daemon.api.own_names import Authority, OwnNames, is_same_origin
from kling_daemon.api.problems import ProblemError, bad_request

_SHOWN = 100


def require_own_name(names: OwnNames) -> Middleware:
    """Return the middleware that lets through what is addressed to this daemon, and by no foreign page."""

    @web.middleware
    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = _asked(request)
        if asked is not None and not names.have(asked.host):
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"'{asked.host[:_SHOWN]}' is no name of this daemon's; if it should be, list it in api.hosts",
            )
        _check_origin(request.headers.getall(hdrs.ORIGIN, []), asked)
        return await handler(request)

    return look


def _asked(request: web.Request) -> Authority | None:
    """Return whom a request is addressed to; None for one that need not say, which no browser's does."""
    texts = request.headers.getall(hdrs.HOST, [])
    if not texts and request.version < HttpVersion11:
        return None
    asked = Authority.parse(texts[0]) if len(texts) == 1 else None
    if asked is None:
        raise bad_request("a request bears one Host, such as 127.0.0.1:8766")
    # A request line may name a host, too, and would win; nothing but confusion comes of two that differ.
    url = request._message.url  # noqa: SLF001 - what the request shows is made of both
    if url.absolute and Authority.parse(url.raw_authority) != asked:
        raise bad_request("the request line names another host than Host does")
    return asked


def _check_origin(origins: Sequence[str], asked: Authority | None) -> None:
    if not origins:
        return  # no browser, or a page of the daemon's own, or a plain look, whose answer no other page can read
    if len(origins) != 1 or asked is None or not is_same_origin(origins[0], asked):
        raise ProblemError(HTTPStatus.FORBIDDEN, "the request was sent by a web page that is not this daemon's")
