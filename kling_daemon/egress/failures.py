"""Why a request failed, in words that a person can act on and that never repeat the URL."""

import os
import ssl
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from kling_daemon.http_client import HttpError

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""What aiohttp raises when a request cannot be made or its answer breaks off; TimeoutError is an OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a request may take: to be connected, to bring the next byte, and as a whole."""

    connect: timedelta
    idle: timedelta
    total: timedelta


def failure(host: str | None, error: Exception, limits: Limits) -> HttpError:
    """Return the error that a handler sees. The original is not chained: its text may hold a signed URL."""
    match error:
        case TimeoutError():
            cause = _too_late(error, limits)
        case aiohttp.ClientConnectorError():
            cause = _not_connected(error)
        case _:
            cause = _broken(error)
    return HttpError(f"{host}: {cause}")


def _too_late(error: TimeoutError, limits: Limits) -> str:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {limits.connect.total_seconds():g} s"
        case aiohttp.SocketTimeoutError():
            return f"stalled: nothing came for {limits.idle.total_seconds():g} s"
        case _:
            return f"not done within {limits.total.total_seconds():g} s"


def _not_connected(error: aiohttp.ClientConnectorError) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as certificate):
            return f"the certificate is not valid: {certificate.verify_message}"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy {error.host} cannot be reached: {error.strerror}"
        case _:
            return error.strerror or "no connection"


def _broken(error: Exception) -> str:
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answers with HTTP {error.status}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.ClientResponseError():
            return "the answer is not valid HTTP"
        # The system's own words only: aiohttp has some of its own, which hold the whole URL.
        case OSError(errno=int() as number, strerror=reason) if reason == os.strerror(number):
            return reason
        case OSError() | aiohttp.ClientConnectionError():
            return "the connection broke off"
        case ValueError():
            return "the request cannot be sent: its method, a header or its password is not valid"
        case _:
            return f"the request failed ({type(error).__name__})"
