"""The HTTP client that handlers are given: https, checked addresses, followed redirects, time-outs, a size cap."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from kling_daemon import __version__
from kling_daemon.egress.failures import FAILURES, Limits, failure
from kling_daemon.egress.guard import guarded_connector
from kling_daemon.egress.lookup import SystemLookup
from kling_daemon.egress.ranges import Network
from kling_daemon.egress.response import StreamedResponse
from kling_daemon.egress.rules import Rules
from kling_daemon.egress.tls import tls_context
from kling_daemon.egress.urls import parse, resolve
from kling_daemon.http_client import HttpError, HttpRefusedError, HttpResponse

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOLLOWED_METHODS = frozenset({"GET", "HEAD"})
_FOR_ANYBODY = frozenset(
    {"accept", "accept-language", "if-match", "if-modified-since", "if-none-match", "if-range", "range", "user-agent"}
)
"""What goes along to another origin. Keys are sent in headers of any name, so these are named and not those."""
_READ_BUFFER = 256 * 1024


class EgressClient:
    """An `HttpClient` for the whole life of a daemon; an async context manager.

    It connects to public addresses and to `networks`, and to nothing else, whatever names, redirects and spellings of
    addresses lead to. It keeps no cookies, reads no proxy and no passwords from the environment and asks for bodies
    that are not compressed, so that `Range` means what it says. Its errors name the host and the cause, never the path
    or the query.
    """

    def __init__(
        self,
        *,
        allow_http: bool = False,
        hosts: Sequence[str] = (),
        networks: Sequence[Network] = (),
        proxy: str | None = None,
        max_size: int | None = None,
        connect_timeout: timedelta = timedelta(seconds=15),
        idle_timeout: timedelta = timedelta(seconds=60),
        total_timeout: timedelta = timedelta(hours=1),
        lookup: AbstractResolver | None = None,
    ) -> None:
        """Take the `[egress]` settings.

        proxy: the URL of one that every request goes through; it looks names up, so only addresses that stand in URLs
        are checked then. max_size: the most bytes that one body may have. connect_timeout: for name, TCP and TLS
        together. idle_timeout: how long nothing may come, before the answer or in the middle of it. total_timeout: for
        a whole request, redirects and body included. lookup: how names are looked up; by default as the system does.
        """
        self._rules = Rules(allow_http=allow_http, hosts=tuple(hosts), networks=tuple(networks))
        self._proxy = proxy
        self._max_size = max_size
        self._limits = Limits(connect=connect_timeout, idle=idle_timeout, total=total_timeout)
        self._lookup = lookup
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        tls = await asyncio.to_thread(tls_context)
        self._session = aiohttp.ClientSession(
            connector=self._connector(tls),
            headers={"User-Agent": f"kling-daemon/{__version__}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            proxy=self._proxy,
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

        Headers that may be credentials do not follow a redirect to another origin. Raises HttpRefusedError when
        `[egress]` forbids the address, or one that it redirects to; HttpError when no answer comes.
        """
        method = method.upper()
        target, sent, origin = parse(url), dict(headers or {}), None
        end = asyncio.get_running_loop().time() + self._limits.total.total_seconds()
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = await self._ask(method, target, sent, body, end)
            except HttpRefusedError as error:
                if origin is None:
                    raise
                raise HttpRefusedError(f"{origin.raw_host} redirects to what is refused: {error}") from None
            try:
                location = answer.headers.get("Location")
                if method not in _FOLLOWED_METHODS or answer.status not in _REDIRECTS or location is None:
                    yield self._streamed(answer)
                    return
            finally:
                answer.release()
            origin, target = target, resolve(target, location)
            if (target.scheme, target.host, target.port) != (origin.scheme, origin.host, origin.port):
                sent = {name: value for name, value in sent.items() if name.lower() in _FOR_ANYBODY}
                body = None
        raise HttpError(f"{target.raw_host}: more than {MAX_REDIRECTS} redirects")

    async def _ask(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, end: float
    ) -> aiohttp.ClientResponse:
        """Send one request without following anything; it must be over when the loop's clock says `end`."""
        if self._session is None:
            raise RuntimeError("the client is not open: use it within `async with`")
        self._rules.admit(url)
        # Of nothing aiohttp would make no limit at all.
        timeout = self._timeout(max(end - asyncio.get_running_loop().time(), 0.001))
        try:
            return await self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False, timeout=timeout
            )
        except FAILURES as error:
            raise failure(url.raw_host, error, self._limits) from None

    def _streamed(self, answer: aiohttp.ClientResponse) -> StreamedResponse:
        return StreamedResponse(
            answer=answer,
            max_size=self._max_size,
            translate=lambda error: failure(answer.url.raw_host, error, self._limits),
        )

    def _timeout(self, total: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=total,
            connect=self._limits.connect.total_seconds(),
            sock_read=self._limits.idle.total_seconds(),
        )

    def _connector(self, tls: ssl.SSLContext) -> aiohttp.TCPConnector:
        # The lanes bound how much runs at a time; a limit here would let one slow host use up another's time-out.
        if self._proxy is None:
            return guarded_connector(self._rules, lookup=self._lookup, ssl=tls, limit=0)
        # All connections are to the proxy, which the operator has chosen and which may well be a private address.
        return aiohttp.TCPConnector(resolver=self._lookup or SystemLookup(), ssl=tls, limit=0)
