"""Why a request failed, in words that a person can act on and that never repeat the URL."""

import ssl
from datetime import timedelta

import aiohttp

from kling_daemon.http_client import HttpError

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""What aiohttp raises when a request cannot be made or its answer breaks off; TimeoutError is an OSError."""


def failure(host: str | None, error: Exception, *, connect: timedelta, idle: timedelta) -> HttpError:
    """Return the error that a handler sees. The original is not chained: its text may hold a signed URL."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            cause = f"no connection within {connect.total_seconds():g} s"
        case TimeoutError():
            cause = f"stalled: nothing came for {idle.total_seconds():g} s"
        case aiohttp.ClientConnectorDNSError():
            cause = "the name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as certificate):
            cause = f"the certificate is not valid: {certificate.verify_message}"
        case aiohttp.ServerDisconnectedError():
            cause = "the connection was closed before an answer came"
        case aiohttp.ClientPayloadError():
            cause = "the answer broke off"
        case aiohttp.ClientResponseError():
            cause = "the answer is not valid HTTP"
        case OSError(strerror=str() as reason) if reason:
            cause = reason
        case _:
            cause = f"the request failed ({type(error).__name__})"
    return HttpError(f"{host}: {cause}")
