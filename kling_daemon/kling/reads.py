"""Sends reads to Kling, again where that may help; creates go another way and are sent once."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import stamina
import structlog
from stamina.instrumentation import RetryDetails

from kling_daemon.kling.errors import KlingError
from kling_daemon.kling.transport import Transport

log = structlog.get_logger(__name__)


class Reads:
    """Asks Kling for what changes nothing there, and so may be asked twice."""

    def __init__(self, transport: Transport, *, attempts: int, backoff: timedelta) -> None:
        """Take what sends. attempts: how often at most. backoff: the first pause, doubling, with as much jitter."""
        self._transport = transport
        self._attempts = attempts
        self._backoff = backoff

    async def get(self, verb: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the envelope of an answer to a GET; its last error is raised."""
        return await self._send(verb, "GET", path, query, None)

    async def post(self, verb: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the envelope of an answer to a POST that only asks; its last error is raised."""
        return await self._send(verb, "POST", path, None, json.dumps(body).encode())

    async def _send(
        self, verb: str, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> dict[str, Any]:
        backoff = self._backoff
        async for attempt in stamina.retry_context(
            on=_may_help_to_ask_again,
            attempts=self._attempts,
            timeout=None,
            wait_initial=backoff,
            wait_max=backoff * 16,
            wait_jitter=backoff,
        ):
            with attempt:
                return await self._transport.request(verb, method, path, query=query, body=body)
        raise AssertionError("stamina ends with a result or an error")


def tell_of_retry(details: RetryDetails) -> None:
    """Log that Kling is asked again; for stamina, whose own line does not say what is wrong or who is asked."""
    log.info(
        "kling is asked again",
        error=str(details.caused_by),
        times=details.retry_num,
        pause_seconds=round(details.wait_for, 1),
    )


def _may_help_to_ask_again(error: Exception) -> bool:
    return isinstance(error, KlingError) and error.kind.is_retryable_read
