"""The HTTP client that handlers are given: https, followed redirects, time-outs, a size cap, readable errors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

import aiohttp
from yarl import URL

from kling_daemon import __version__
from kling_daemon.egress.addresses import Rules, parse, resolve
from kling_daemon.egress.failures import FAILURES, failure
from kling_daemon.egress.response import StreamedResponse
from kling_daemon.http_client import HttpError, HttpResponse

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOLLOWED_METHODS = frozenset({"GET", "HEAD"})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_READ_BUFFER = 256 * 1024


class EgressClient:
    """An `HttpClient` for the whole life of a daemon; an async context manager.

    It keeps no cookies, reads no proxy from the environment and asks for bodies that are not compressed, so that
    `Range` means what it says. Its errors name the host and the cause, never the path or the query.
    """

    def __init__(
        self,
        *,
        allow_http: bool = False,
        max_size: int | None = None,
        connect_timeout: timedelta = timedelta(seconds=15),
        idle_timeout: timedelta = timedelta(seconds=60),
    ) -> None:
        """Take the `[egress]` settings.

        max_size: the most bytes that one body may have. connect_timeout: for name, TCP and TLS together.
        idle_timeout: how long nothing may come, before the answer or in the middle of it.
        """
        self._rules = Rules(allow_http=allow_http)
        self._max_size = max_size
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            # The lanes bound how much runs at a time; a limit here would let one slow host use up another's time-out.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._connect_timeout.total_seconds(),
                sock_read=self._idle_timeout.total_seconds(),
            ),
            headers={"User-Agent": f"kling-daemon/{__version__}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> AsyncIterator[HttpResponse]:
        """Send a request and give its answer, whatever its status; redirects are followed for GET and HEAD only.

        `Authorization` and cookies do not follow a redirect to another origin. Raises HttpRefusedError when
        `[egress]` forbids the address, or one that it redirects to; HttpError when no answer comes.
        """
        method = method.upper()
        target, sent = parse(url), dict(headers or {})
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._ask(method, target, sent, body)
            try:
                location = answer.headers.get("Location")
                if method not in _FOLLOWED_METHODS or answer.status not in _REDIRECTS or location is None:
                    yield self._streamed(answer)
                    return
            finally:
                answer.release()
            origin, target = target, resolve(target, location)
            if (target.scheme, target.host, target.port) != (origin.scheme, origin.host, origin.port):
                sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIALS}
        raise HttpError(f"{target.host}: more than {MAX_REDIRECTS} redirects")

    async def _ask(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        """Send one request without following anything."""
        if self._session is None:
            raise RuntimeError("the client is not open: use it within `async with`")
        self._rules.admit(url)
        try:
            return await self._session.request(method, url, headers=headers, data=body, allow_redirects=False)
        except FAILURES as error:
            raise self._failure(url, error) from None

    def _streamed(self, answer: aiohttp.ClientResponse) -> StreamedResponse:
        return StreamedResponse(
            answer=answer, max_size=self._max_size, translate=lambda error: self._failure(answer.url, error)
        )

    def _failure(self, url: URL, error: Exception) -> HttpError:
        return failure(url.host, error, connect=self._connect_timeout, idle=self._idle_timeout)
