"""Whom the simulated Kling lets in: by its API key, or on legacy paths by a token that its key pair signed."""

import hmac
from datetime import datetime
from typing import Any, TypeGuard

from aiohttp import web

from kling_daemon.kling.endpoints import LEGACY_PREFIX
from kling_daemon.kling.tokens import KeyPair, TokenError
from kling_daemon.simulator.refusals import JWT_ON_NEW_API, RefusalError
from kling_daemon.simulator.settings import SimulatorSettings

_JWT_DOTS = 2


def admit(request: web.Request, settings: SimulatorSettings, now: datetime) -> None:
    """Let a request with the right key or token pass; RefusalError 1000 to 1004 otherwise."""
    header = request.headers.get("Authorization", "").strip()
    if not header:
        raise RefusalError(1001)
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        raise RefusalError(1000)
    if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), settings.api_key.encode()):
        return
    is_jwt = token.count(".") == _JWT_DOTS
    if is_jwt and not request.path.startswith(LEGACY_PREFIX):
        raise RefusalError(1002, JWT_ON_NEW_API)
    if not is_jwt or not settings.access_key:
        raise RefusalError(1002)
    _check(token, KeyPair(access_key=settings.access_key, secret_key=settings.secret_key), now.timestamp())


def _check(token: str, pair: KeyPair, now: float) -> None:
    try:
        claims = pair.claims_of(token)
    except TokenError:
        raise RefusalError(1002) from None
    begins, ends = claims.get("nbf", now), claims.get("exp")
    if claims.get("iss") != pair.access_key or not _is_moment(begins) or not _is_moment(ends):
        raise RefusalError(1002)
    if now < begins:
        raise RefusalError(1003)
    if now >= ends:
        raise RefusalError(1004)


def _is_moment(value: Any) -> TypeGuard[float]:
    # A boolean is an int to Python, and no number in JSON.
    return isinstance(value, int | float) and not isinstance(value, bool)
