"""Whom the simulated Kling lets in: by its API key, or on legacy paths by a token that its key pair signed."""

import hmac
import math
from datetime import datetime
from typing import Any, TypeGuard

from aiohttp import web

from kling_daemon.kling.endpoints import LEGACY_PREFIX
from kling_daemon.kling.tokens import TokenError
from kling_daemon.simulator.account_keys import AccountKeys
from kling_daemon.simulator.refusals import JWT_ON_NEW_API, RefusalError
from kling_daemon.simulator.settings import SimulatorSettings

COSTS = "/account/costs"
"""Where an account asks what it has left; by key or token, since it is older than API keys are."""

_JWT_DOTS = 2


def admit(request: web.Request, settings: SimulatorSettings, now: datetime) -> str:
    """Return the name of the account that a request's key or token opens; RefusalError 1000 to 1004 otherwise."""
    header = request.headers.get("Authorization", "").strip()
    if not header:
        raise RefusalError(1001)
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        raise RefusalError(1000)
    for keys in settings.all_accounts():
        if keys.api_key and hmac.compare_digest(token.encode("utf-8", "surrogateescape"), keys.api_key.encode()):
            return keys.name
    if token.count(".") != _JWT_DOTS:
        raise RefusalError(1002)
    if not request.path.startswith(LEGACY_PREFIX) and request.path != COSTS:
        raise RefusalError(1002, JWT_ON_NEW_API)
    for keys in settings.all_accounts():
        if keys.access_key and (claims := _claims(token, keys)) is not None:
            _judge(claims, now.timestamp())
            return keys.name
    raise RefusalError(1002)


def _claims(token: str, keys: AccountKeys) -> dict[str, Any] | None:
    """Return what a token of this account claims; None for any other."""
    try:
        claims = keys.pair().claims_of(token)
    except TokenError:
        return None
    return claims if claims.get("iss") == keys.access_key else None


def _judge(claims: dict[str, Any], now: float) -> None:
    begins, ends = claims.get("nbf", now), claims.get("exp")
    if not _is_moment(begins) or not _is_moment(ends):
        raise RefusalError(1002)
    if now < begins:
        raise RefusalError(1003)
    if now >= ends:
        raise RefusalError(1004)


def _is_moment(value: Any) -> TypeGuard[float]:
    # A boolean is an int to Python, and no number in JSON; nor are `NaN` and `Infinity`, which Python reads.
    return type(value) is int or (type(value) is float and math.isfinite(value))
