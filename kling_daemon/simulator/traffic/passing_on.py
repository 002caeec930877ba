"""Stands between a client and the real Kling: passes on what either says to the other, and records it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from kling_daemon.clock import Clock
from kling_daemon.simulator.listening import MAX_BODY, listening
from kling_daemon.simulator.traffic.recorder import Recorder
from kling_daemon.standard_webhooks import Signer

_TIMEOUT = aiohttp.ClientTimeout(total=300)
"""Longer than any client waits, so that it is the client who gives up."""
_HOP_BY_HOP = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""What concerns one connection only (RFC 9110, 7.6.1), or follows from the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passed:
    """What came back from the other end."""

    status: int
    body: bytes
    headers: dict[str, str]
    """Names in lower case."""


class Passage:
    """Passes requests on, to Kling or to a receiver of callbacks."""

    def __init__(self, recorder: Recorder, clock: Clock, session: aiohttp.ClientSession) -> None:
        """Note everything with this recorder."""
        self._recorder = recorder
        self._clock = clock
        self._session = session

    def to_kling(self, upstream: str) -> web.Application:
        """Return the application that clients take for Kling. When Kling is out of reach, connections are cut."""

        async def handle(request: web.Request) -> web.StreamResponse:
            began, body = self._clock.monotonic(), await request.read()
            passed = await self._pass_on(request, upstream, body)
            self._recorder.asked(
                began,
                request.method,
                request.raw_path,
                _lowered(request.headers),
                body,
                status=None if passed is None else passed.status,
                answer=b"" if passed is None else passed.body,
                retry_after=None if passed is None else passed.headers.get("retry-after"),
                ahead=None if passed is None else self._ahead(passed),
            )
            return _answer(request, passed)

        return _application(handle)

    def to_receiver(self, receiver: str, secrets: Sequence[Signer]) -> web.Application:
        """Return the application that Kling takes for the receiver; it checks no signature, but notes what it is."""

        async def handle(request: web.Request) -> web.StreamResponse:
            began, body = self._clock.monotonic(), await request.read()
            passed = await self._pass_on(request, receiver, body)
            self._recorder.called_back(
                began,
                request.method,
                request.raw_path,
                _lowered(request.headers),
                body,
                secrets=secrets,
                status=None if passed is None else passed.status,
                answer=b"" if passed is None else passed.body,
            )
            return _answer(request, passed)

        return _application(handle)

    async def _pass_on(self, request: web.Request, base: str, body: bytes) -> _Passed | None:
        """Return what the other end answers; None when it cannot be reached or gives up."""
        # No compression: what is passed on and noted are the bytes that were meant.
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"
        url = base.rstrip("/") + request.raw_path
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                return _Passed(status=answer.status, body=await answer.read(), headers=_lowered(answer.headers))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    def _ahead(self, passed: _Passed) -> float | None:
        """Return how far the answer's `Date` is ahead of our clock, in seconds."""
        try:
            return (parsedate_to_datetime(passed.headers["date"]) - self._clock.now()).total_seconds()
        except (KeyError, ValueError, TypeError):
            return None


@asynccontextmanager
async def passing_on(
    recorder: Recorder,
    clock: Clock,
    upstream: str,
    address: tuple[str, int],
    *,
    callbacks: tuple[tuple[str, int], str] | None = None,
    secrets: Sequence[Signer] = (),
) -> AsyncIterator[tuple[str, str | None]]:
    """Pass on and record until the context is left; yield the URLs at which clients and Kling are listened for.

    callbacks: where to listen for Kling's callbacks, and the base URL of the receiver that they are for. OSError when
    it cannot listen.
    """
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session:
        passage = Passage(recorder, clock, session)
        other = (
            nullcontext((None, None))
            if callbacks is None
            else listening(passage.to_receiver(callbacks[1], secrets), *callbacks[0], decompresses=False)
        )
        async with (
            listening(passage.to_kling(upstream), *address, decompresses=False) as (url, _),
            other as (callback_url, _),
        ):
            yield url, callback_url


def _application(handle: Handler) -> web.Application:
    application = web.Application(client_max_size=MAX_BODY)
    application.router.add_route("*", "/{anything:.*}", handle)
    return application


def _answer(request: web.Request, passed: _Passed | None) -> web.StreamResponse:
    if passed is None:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)
    headers = {name: value for name, value in passed.headers.items() if name not in _HOP_BY_HOP}
    return web.Response(status=passed.status, body=passed.body, headers=headers)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
