"""The connection to a daemon: sends requests, and turns whatever comes of them into an answer or a clear error."""

import errno
import io
import json
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import pydantic
from yarl import URL

from kling_daemon.client.discovery import UNIX, Target, usable_url
from kling_daemon.client.errors import AddressError, DaemonError, DaemonUnreachableError, DaemonUntrustedError
from kling_daemon.client.models import ProblemModel
from kling_daemon.client.trust import distrust, trusting

Model = TypeVar("Model", bound=pydantic.BaseModel)

ANSWER_WITHIN = timedelta(seconds=30)
CONNECT_WITHIN = 5.0
NO_LIMIT = 0
"""Of connections: each long poll holds one, and a program may wait for any number of jobs."""
EVENT_STREAM = "text/event-stream"
STREAM_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN, sock_read=60)
"""Of a stream: the daemon sends something every 15 seconds."""


class Connection:
    """An async context manager, which may be entered again after it was left.

    Every method raises DaemonUnreachableError when nothing answers, and DaemonError when the answer is a refusal
    or none of a daemon's.
    """

    def __init__(self, target: Target) -> None:
        """Take where the daemon is and the token; AddressError for what can be neither. Nothing is sent yet."""
        url = usable_url(target.url)
        self._target = target
        self._token = _usable_token(target)
        self._unix = url.removeprefix(UNIX) if url.startswith(UNIX) else None
        self._origin = "http://kling-daemon" if self._unix is not None else url
        self._open = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = self._connector()
        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        session = aiohttp.ClientSession(connector=connector, headers=headers)
        self._session = await self._open.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._open.aclose()

    def _connector(self) -> aiohttp.BaseConnector:
        if self._unix is not None:
            return aiohttp.UnixConnector(self._unix, limit=NO_LIMIT)
        if not self._origin.startswith("https:"):
            return aiohttp.TCPConnector(limit=NO_LIMIT)
        return aiohttp.TCPConnector(limit=NO_LIMIT, ssl=trusting(self._target.certificate, self._target.ca))

    async def get(
        self,
        path: str,
        model: type[Model],
        query: Mapping[str, str | int | None] | None = None,
        *,
        patience: timedelta = timedelta(),
    ) -> Model:
        """Return what a route answers; what the query has no value for is left out.

        patience: how much longer than usual the answer may take.
        """
        return await self._request("GET", path, model, patience=patience, params=_given(query or {}))

    async def post(self, path: str, body: Mapping[str, Any], model: type[Model]) -> Model:
        """Have something changed, and return what the route answers."""
        # A file, since aiohttp warns of large bodies that are bytes; a create may bear pictures.
        data = io.BytesIO(json.dumps(body).encode())
        return await self._request("POST", path, model, data=data, headers={"Content-Type": "application/json"})

    async def exchange(
        self, method: str, path: str, *, patience: timedelta = timedelta(), **rest: Any
    ) -> tuple[int, bytes]:
        """Send one request to a path of the daemon's, and return the status and the body, whatever they are."""
        limits = aiohttp.ClientTimeout(total=(ANSWER_WITHIN + patience).total_seconds(), sock_connect=CONNECT_WITHIN)
        try:
            async with await self._send(method, path, limits, **rest) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def stream(
        self, path: str, query: Mapping[str, str | int | None], headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """Open a stream of events, of which nothing was read yet."""
        response = await self._send(
            "GET", f"api/v1/{path}", STREAM_LIMITS, params=_given(query), headers={"Accept": EVENT_STREAM, **headers}
        )
        if response.status == HTTPStatus.OK and response.content_type == EVENT_STREAM:
            return response
        try:
            raise self.refusal(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def refusal(self, status: int, raw: bytes) -> DaemonError:
        """Return the error of an answer that is no success."""
        if status == HTTPStatus.UNAUTHORIZED:
            verdict = "wants a token" if self._token is None else "refuses the token"
            detail = f"the daemon {verdict}, which is taken from {self._target.token_from}"
            return DaemonError(status, "Unauthorized", detail)
        try:
            problem = ProblemModel.model_validate_json(raw)
        except pydantic.ValidationError:
            return self.no_daemon(status)
        return DaemonError(problem.status, problem.title, problem.detail)

    def no_daemon(self, status: int) -> DaemonError:
        """Return the error of an answer that no daemon of ours gives."""
        return DaemonError(status, "Not a daemon", f"what answers at {self._target.url} is no kling-daemon")

    async def _request(
        self, method: str, path: str, model: type[Model], *, patience: timedelta = timedelta(), **rest: Any
    ) -> Model:
        status, raw = await self.exchange(method, f"api/v1/{path}", patience=patience, **rest)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise self.refusal(status, raw)
        try:
            return model.model_validate_json(raw)
        except pydantic.ValidationError as error:
            raise self.no_daemon(status) from error

    async def _send(self, method: str, path: str, limits: aiohttp.ClientTimeout, **rest: Any) -> aiohttp.ClientResponse:
        """Send one request and return its answer, of which nothing but the head was read."""
        if self._session is None:
            raise RuntimeError("a Daemon is used inside `async with`")
        url = URL(f"{self._origin}/{path}", encoded=True)
        try:
            return await self._session.request(method, url, timeout=limits, allow_redirects=False, **rest)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> DaemonUnreachableError:
        if (reason := distrust(error)) is not None:
            return DaemonUntrustedError(f"what answers at {self._target.url} cannot be trusted: {reason}")
        return DaemonUnreachableError(f"no daemon answers at {self._target.url}: {_reason(error)}")


def segment(reference: str) -> str:
    """Return what stands for a name in a path: it is one segment of it, whatever it holds."""
    return quote(reference, safe="")


def _usable_token(target: Target) -> str | None:
    """Return the token without the line's end that a file has; AddressError for what no header can bear."""
    token = (target.token or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise AddressError(f"the token, which is taken from {target.token_from}, holds characters that no token has")
    return token or None


def _given(query: Mapping[str, str | int | None]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    if number == errno.EACCES:
        return f"{os.strerror(number)}, since only the daemon's own user and group may use the socket"
    if number is not None and number > 0:  # the system's words; asyncio's say the address once more
        return os.strerror(number)
    return getattr(cause, "strerror", None) or str(cause) or type(error).__name__
