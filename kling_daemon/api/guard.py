"""Who may use the local API: those who know a token."""

import hashlib
import hmac
from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kling_daemon.api.problems import ProblemError

_SCHEME = "bearer"


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token, which is all of it that is kept in memory."""
    return hashlib.sha256(token.encode()).digest()


def require_token(digests: Collection[bytes], open_paths: Collection[str]) -> Middleware:
    """Return the middleware that lets through who bears `Authorization: Bearer TOKEN` with one of the tokens.

    open_paths: what is answered without one.
    """
    known = tuple(digests)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_paths and not _is_known(request, known):
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "send a token of the daemon as `Authorization: Bearer …`",
                headers={"WWW-Authenticate": 'Bearer realm="kling-daemon"'},
            )
        return await handler(request)

    return guard


def _is_known(request: web.Request, known: tuple[bytes, ...]) -> bool:
    values = request.headers.getall("Authorization", [])
    if len(values) != 1:
        return False
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != _SCHEME:
        return False
    # Bytes that are no UTF-8 come as lone surrogates.
    given = hashlib.sha256(token.strip().encode(errors="surrogateescape")).digest()
    return any([hmac.compare_digest(given, other) for other in known])  # noqa: C419 - a list: none ends it early
