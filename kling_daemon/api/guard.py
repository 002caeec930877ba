"""Who may use the local API: those who show a token, as far as its scope reaches; or, if so configured, anybody."""

from collections.abc import Collection
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from kling_daemon.api.problems import ProblemError
from kling_daemon.api.token_registry import TokenRegistry
from kling_daemon.scopes import Scope

_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_SCHEME = "bearer"
_REALM = 'Bearer realm="kling-daemon"'
CALLER = web.RequestKey("caller", str)
"""Under which a request that changes something says, in words for people, who has sent it."""


@web.middleware
async def let_anybody_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Be the middleware that asks for no token: whoever reaches the API may do everything."""
    request[CALLER] = "somebody who needed no token"
    return await handler(request)


def require_token(tokens: TokenRegistry, open_paths: Collection[str]) -> Middleware:
    """Return the middleware that lets through who bears `Authorization: Bearer TOKEN`, and may do what is asked for.

    open_paths: what is answered without one.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in open_paths:
            return await handler(request)
        shown = _shown(request)
        token = None if shown is None else await tokens.admit(shown)
        if token is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "send a token of the daemon as `Authorization: Bearer …`",
                headers={"WWW-Authenticate": _REALM},
            )
        if request.method in _READING:
            with tokens.reading(token):
                return await handler(request)
        if token.scope is not Scope.ADMIN:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"the token '{token.name}' may see everything and change nothing; this takes one of scope admin",
                headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope"'},
            )
        request[CALLER] = f"the bearer of the token '{token.name}'"
        return await handler(request)

    return guard


def _shown(request: web.Request) -> str | None:
    """Return the token that a request shows; None where there is none, or more than one."""
    values = request.headers.getall("Authorization", [])
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else None
