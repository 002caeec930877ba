"""Sends one request to Kling and returns the answer's envelope, or a KlingError that says what became of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiolimiter import AsyncLimiter

from kling_daemon import __version__
from kling_daemon.kling.auth import Credential
from kling_daemon.kling.bodies import UnreadableError, read_body
from kling_daemon.kling.errors import ErrorKind, KlingError, read_error
from kling_daemon.kling.scalars import read_message

MAX_ANSWER = 64 * 1024 * 1024
"""The most bytes of an answer that are taken in; a full list page with its signed URLs is a few megabytes."""

OnRequest = Callable[[str, str], None]
"""Called after each request with its verb and its outcome: `ok` or the error's kind."""

_PARSE_IN_THREAD = 256 * 1024
_CHUNK = 64 * 1024
_OK = "ok"
_PATH_CHARACTERS = "/%:@!$&'()*+,;="


@dataclass(slots=True)
class _Progress:
    """How far one request has come, as aiohttp's trace tells."""

    sent: bool = False


class Transport:
    """One connection pool to one Kling host: paced, without redirects, proxies from the environment or cookies."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        *,
        timeout: timedelta,
        max_requests_per_second: float,
        max_answer: int,
        on_request: OnRequest,
    ) -> None:
        """Take the settings; nothing is opened before the `async with`."""
        self._base = base_url.rstrip("/")
        self._credential = credential
        self._timeout = timeout
        self._rate = max_requests_per_second
        self._max_answer = max_answer
        self._on_request = on_request

    async def __aenter__(self) -> Self:
        # At least one request may always pass; a rate below one a second stretches the period instead.
        burst = max(1.0, self._rate)
        self._limiter = AsyncLimiter(burst, burst / self._rate)
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_sent)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout.total_seconds()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "User-Agent": f"kling-daemon/{__version__}"},
            trace_configs=[trace],
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self,
        verb: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        """Send one request when the rate allows it, and return the envelope of a success (code 0).

        verb: what `on_request` is told. path: percent-encoded where needed, below the base URL. The time-out counts
        from when the request may be sent. Raises KlingError, and nothing else whatever comes back. A token that Kling
        refuses for its time is signed anew and the request sent once more: the refused one did nothing.
        """
        try:
            return await self._attempt(verb, method, path, query, body)
        except KlingError as error:
            if error.kind is not ErrorKind.TOKEN_TIME or not self._credential.renew():
                raise
        return await self._attempt(verb, method, path, query, body)

    async def _attempt(
        self, verb: str, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> dict[str, Any]:
        try:
            answer = await self._ask(method, path, query, body)
        except KlingError as error:
            self._on_request(verb, error.kind)
            raise
        self._on_request(verb, _OK)
        return answer

    async def _ask(self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None) -> dict[str, Any]:
        await self._limiter.acquire()
        # Not before it may be sent: a signed token ages while it waits.
        headers = {"Authorization": self._credential.authorization()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        progress = _Progress()
        try:
            async with self._session.request(
                method,
                self._url(path),
                params=query,
                # As a stream, since a body may be megabytes of base64 and would else be written in one go.
                data=None if body is None else BytesIO(body),
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=progress,
            ) as response:
                http_status, date = response.status, response.headers.get("Date")
                raw = await self._read(response)
        except (aiohttp.ClientResponseError, HttpProcessingError) as error:
            # Not chained: aiohttp keeps the request's headers, and so our key, on this one.
            what = f"the answer is no HTTP: {type(error).__name__}"
            raise KlingError(ErrorKind.UNINTELLIGIBLE, what) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            kind = ErrorKind.NO_ANSWER if progress.sent else ErrorKind.UNREACHABLE
            raise KlingError(kind, f"{method} {path}: {_describe(error, self._timeout)}") from error
        answer = await _parse(http_status, raw)
        # Only now: what answers with HTML is not Kling, and its clock tells nothing.
        self._credential.hear(date)
        return self._read_answer(http_status, answer, headers["Authorization"])

    def _url(self, path: str) -> str:
        """Return the URL of a path, which can neither leave the host nor bring a query of its own."""
        return f"{self._base}/{quote(path.lstrip('/'), safe=_PATH_CHARACTERS)}"

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body, counting its bytes as they come (after decompression), whatever the headers promise."""
        raw = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            raw += chunk
            if len(raw) > self._max_answer:
                what = f"the answer is longer than {self._max_answer} bytes"
                raise KlingError(ErrorKind.UNINTELLIGIBLE, what, http_status=response.status)
        return bytes(raw)

    def _read_answer(self, http_status: int, answer: dict[str, Any], authorization: str) -> dict[str, Any]:
        error = read_error(http_status, answer)
        if error is None:
            return answer
        secret = authorization.rpartition(" ")[2]
        if secret in error.message:
            error = KlingError(
                error.kind,
                error.message.replace(secret, "[credential]"),
                http_status=http_status,
                code=error.code,
                request_id=error.request_id,
            )
        raise error


async def _parse(http_status: int, raw: bytes) -> dict[str, Any]:
    try:
        if len(raw) > _PARSE_IN_THREAD:
            return await asyncio.to_thread(read_body, raw)
        return read_body(raw)
    except UnreadableError as error:
        what = f"the answer is not Kling's JSON: {error.flaw}"
        raise KlingError(ErrorKind.UNINTELLIGIBLE, what, http_status=http_status) from error


async def _note_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Note that the request is about to go out: aiohttp calls this just before it writes the headers."""
    context.trace_request_ctx.sent = True


def _describe(error: Exception, timeout: timedelta) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout.total_seconds():g} s"
    return read_message(f"{type(error).__name__}: {error}")
