"""The client of the local API: one method for each of its routes."""

import asyncio
import errno
import io
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from http import HTTPStatus
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import pydantic
from yarl import URL

from kling_daemon.client.discovery import UNIX, Target, find_daemon
from kling_daemon.client.errors import DaemonError, DaemonUnreachableError
from kling_daemon.client.event_stream import EventStream, Lost
from kling_daemon.client.models import (
    CheckedModel,
    DeliveryInFullModel,
    DeliveryModel,
    EventModel,
    ForgottenModel,
    HandlerModel,
    HealthModel,
    JobModel,
    MadeTokenModel,
    NamedTaskModel,
    Page,
    PluginModel,
    ProblemModel,
    ReplayedModel,
    StatsModel,
    SubmitModel,
    TimelineModel,
    TokenModel,
    TrackedModel,
)
from kling_daemon.clock import optional, to_rfc3339
from kling_daemon.scopes import Scope

Model = TypeVar("Model", bound=pydantic.BaseModel)

ANSWER_WITHIN = timedelta(seconds=30)
CONNECT_WITHIN = 5.0
NO_LIMIT = 0
"""Of connections: each long poll holds one, and a program may wait for any number of jobs."""
EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
STREAM_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN, sock_read=60)
"""Of a stream: the daemon sends something every 15 seconds."""
LONGEST_POLL = timedelta(seconds=60)
"""How long one request waits for a job's end; a longer wait is made of several."""


class Daemon:
    """A running daemon, as a program or a person sees it; an async context manager.

    Every method raises DaemonUnreachableError when nothing answers and DaemonError when the answer is a refusal.
    """

    def __init__(self, target: Target | None = None) -> None:
        """Take where it is and the token; nothing is sent before the first request.

        With no target the daemon is found as the command line finds it: by `$KLING_DAEMON_URL` and
        `$KLING_DAEMON_TOKEN`, its socket, or the configuration. Raises then what `find_daemon` raises.
        """
        if target is None:
            target = find_daemon(None, None, os.environ)
        self._target = target
        self._origin = URL("http://kling-daemon" if target.url.startswith(UNIX) else target.url)
        self._open = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        unix = self._target.url.startswith(UNIX)
        connector = _unix(self._target.url) if unix else aiohttp.TCPConnector(limit=NO_LIMIT)
        headers = {"Accept": "application/json"}
        if self._target.token is not None:
            headers["Authorization"] = f"Bearer {self._target.token}"
        session = aiohttp.ClientSession(connector=connector, headers=headers)
        self._session = await self._open.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def submit(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str] | None = None,
        external_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> JobModel:
        """Have a job created at Kling; it is returned once the intent is on the daemon's disk.

        idempotency_key: makes the call repeatable: whatever is asked for under it again, the job stays one.
        """
        order = SubmitModel(
            endpoint=endpoint,
            body=dict(body),
            tags=dict(tags or {}),
            external_id=external_id,
            idempotency_key=idempotency_key,
        )
        return await self.submit_order(order)

    async def submit_order(self, order: SubmitModel) -> JobModel:
        """Have a job created at Kling, as `submit` does."""
        return await self._post("jobs", order.model_dump(mode="json"), JobModel)

    async def check(self, orders: Sequence[SubmitModel]) -> list[CheckedModel]:
        """Tell of each order whether it would be refused, and which job its key has made already; at most 500."""
        body = {"orders": [order.model_dump(mode="json") for order in orders]}
        return (await self._post("orders/check", body, Page[CheckedModel])).items

    async def jobs(
        self,
        *,
        state: str | None = None,
        endpoint: str | None = None,
        model: str | None = None,
        tag: tuple[str, str] | None = None,
        since: datetime | None = None,
        overdue: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[JobModel]:
        """Return a part of the jobs, the latest first; with filters it may be short, and goes on while it has a `next`.

        tag: a name and a value. since: aware; only jobs that the daemon has known from then on.
        overdue: only those that have been open for too long.
        """
        query = {
            "state": state,
            "endpoint": endpoint,
            "model": model,
            "tag": "=".join(tag) if tag is not None else None,
            "since": optional(to_rfc3339, since),
            "overdue": "true" if overdue else None,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._get("jobs", Page[JobModel], query)

    async def job(self, reference: str) -> JobModel:
        """Return the job with this id, task id or external id."""
        return await self._get(f"jobs/{_segment(reference)}", JobModel)

    async def track(self, tasks: Sequence[NamedTaskModel]) -> list[TrackedModel]:
        """Have tasks tracked that were created elsewhere, at most 500; Kling is asked about each of them."""
        body = {"tasks": [task.model_dump(mode="json") for task in tasks]}
        return (await self._post("track", body, Page[TrackedModel])).items

    async def cancel(self, reference: str) -> JobModel:
        """End a job that was not sent yet and return it; one that was cancelled before is returned as it stands."""
        return await self._post(f"jobs/{_segment(reference)}/cancel", {}, JobModel)

    async def timeline(self, reference: str) -> TimelineModel:
        """Return what happened to a job, in its order, and what is to come."""
        return await self._get(f"jobs/{_segment(reference)}/timeline", TimelineModel)

    async def wait(self, reference: str, patience: timedelta | None = None) -> JobModel:
        """Return the job at its end, or as it stands when the patience is over; None waits for as long as it takes."""
        clock = asyncio.get_running_loop()
        deadline = inf if patience is None else clock.time() + patience.total_seconds()
        while True:
            remaining = max(deadline - clock.time(), 0)
            job = await self.poll(reference, timedelta(seconds=min(remaining, LONGEST_POLL.total_seconds())))
            if job.has_ended or clock.time() >= deadline:
                return job

    async def poll(self, reference: str, patience: timedelta) -> JobModel:
        """Ask once, and be answered at the job's end, when the patience is over, or when the daemon stops.

        The daemon's own patience ends after five minutes.
        """
        query = {"timeout": f"{patience.total_seconds():.3f}"}
        return await self._get(f"jobs/{_segment(reference)}/wait", JobModel, query, patience=patience)

    async def list_events(
        self,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[EventModel]:
        """Return a part of the events, the latest first unless told otherwise; no types means all.

        since, until: aware; events at `until` are not answered.
        """
        query = {
            "job": job,
            "type": ",".join(sorted(types)) or None,
            "since": optional(to_rfc3339, since),
            "until": optional(to_rfc3339, until),
            "order": "oldest" if oldest_first else None,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._get("events", Page[EventModel], query)

    def events(
        self,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        cursor: str | None = None,
        patience: timedelta | None = None,
        on_loss: Lost = lambda _error: None,
    ) -> EventStream:
        """Return a stream of events, from now on unless `since` or an earlier stream's `cursor` says otherwise.

        job, types: only those of this job or of these types. patience: how long the daemon may be away before the
        stream ends with an error; None for however long. on_loss: told when the stream is being looked for again.
        """
        query = {"job": job, "type": ",".join(sorted(types)) or None, "since": optional(to_rfc3339, since)}
        given = {name: value for name, value in query.items() if value is not None}

        async def connect(place: str | None) -> aiohttp.ClientResponse:
            headers = {"Accept": EVENT_STREAM} | ({LAST_EVENT_ID: place} if place is not None else {})
            response = await self._send("GET", "api/v1/events", STREAM_LIMITS, params=given, headers=headers)
            if response.status == HTTPStatus.OK and response.content_type == EVENT_STREAM:
                return response
            try:
                raise self._refusal(response.status, await response.read())
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._unreachable(error) from error
            finally:
                response.close()

        return EventStream(connect, cursor=cursor, patience=patience, on_loss=on_loss)

    async def deliveries(
        self,
        *,
        state: str | None = None,
        handler: str | None = None,
        job: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryModel]:
        """Return a part of the deliveries, the latest first."""
        query = {"state": state, "handler": handler, "job": job, "limit": limit, "cursor": cursor}
        return await self._get("deliveries", Page[DeliveryModel], query)

    async def delivery(self, delivery: int) -> DeliveryInFullModel:
        """Return one delivery with its attempts."""
        return await self._get(f"deliveries/{delivery}", DeliveryInFullModel)

    async def drop_delivery(self, delivery: int) -> DeliveryModel:
        """Close a delivery for good that waits or is dead."""
        return await self._post(f"deliveries/{delivery}/drop", {}, DeliveryModel)

    async def retry_delivery(self, delivery: int) -> DeliveryModel:
        """Give a delivery that is not done all its attempts again, at once."""
        return await self._post(f"deliveries/{delivery}/retry", {}, DeliveryModel)

    async def handlers(self) -> Page[HandlerModel]:
        """Return every handler, loaded or parked."""
        return await self._get("handlers", Page[HandlerModel])

    async def forget_handler(self, name: str) -> ForgottenModel:
        """Drop what a handler that is not configured any more has waiting or dead, and collect no more for it."""
        return await self._post(f"handlers/{_segment(name)}/forget", {}, ForgottenModel)

    async def tokens(self) -> Page[TokenModel]:
        """Return every token of the API, without what they are."""
        return await self._get("tokens", Page[TokenModel])

    async def make_token(self, name: str, scope: Scope = Scope.READ) -> MadeTokenModel:
        """Have a token made; it is told this once."""
        return await self._post("tokens", {"name": name, "scope": scope.value}, MadeTokenModel)

    async def revoke_token(self, name: str) -> TokenModel:
        """Make a token good for nothing from now on."""
        return await self._post(f"tokens/{_segment(name)}/revoke", {}, TokenModel)

    async def replay(
        self,
        handler: str,
        *,
        job: str | None = None,
        types: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        dry_run: bool = False,
    ) -> ReplayedModel:
        """Give a handler a part of the stored events once more; call it with `next` and `until` for the others.

        No types means all that it takes; dry_run only counts.
        """
        order = {
            "job": job,
            "types": sorted(types) or None,
            "since": optional(to_rfc3339, since),
            "until": optional(to_rfc3339, until),
            "cursor": cursor,
            "dry_run": dry_run,
        }
        return await self._post(f"handlers/{_segment(handler)}/replay", order, ReplayedModel)

    async def plugins(self) -> Page[PluginModel]:
        """Return the plugins that the daemon found when it started."""
        return await self._get("plugins", Page[PluginModel])

    async def stats(self) -> StatsModel:
        """Return the daemon's numbers."""
        return await self._get("stats", StatsModel)

    async def health(self) -> HealthModel:
        """Return whether the daemon does its work, and why not; no token is needed."""
        status, raw = await self._exchange("GET", "readyz")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return HealthModel(ready=False, reasons=self._refusal(status, raw).detail.split("; "))
        if status != HTTPStatus.OK:
            raise self._refusal(status, raw)
        try:
            return HealthModel.model_validate({"reasons": []} | json.loads(raw))
        except (ValueError, TypeError) as error:
            raise self._no_daemon(status) from error

    async def metrics(self) -> str:
        """Return what is counted and measured since the daemon's start, in Prometheus' text format."""
        status, raw = await self._exchange("GET", "metrics")
        if status != HTTPStatus.OK:
            raise self._refusal(status, raw)
        return raw.decode("utf-8", "replace")

    async def _get(
        self,
        path: str,
        model: type[Model],
        query: Mapping[str, str | int | None] | None = None,
        *,
        patience: timedelta = timedelta(),
    ) -> Model:
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return await self._request("GET", path, model, patience=patience, params=given)

    async def _post(self, path: str, body: Mapping[str, Any], model: type[Model]) -> Model:
        # A file, since aiohttp warns of large bodies that are bytes; a create may bear pictures.
        data = io.BytesIO(json.dumps(body).encode())
        return await self._request("POST", path, model, data=data, headers={"Content-Type": "application/json"})

    async def _request(
        self, method: str, path: str, model: type[Model], *, patience: timedelta = timedelta(), **rest: Any
    ) -> Model:
        status, raw = await self._exchange(method, f"api/v1/{path}", patience=patience, **rest)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._refusal(status, raw)
        try:
            return model.model_validate_json(raw)
        except pydantic.ValidationError as error:
            raise self._no_daemon(status) from error

    async def _exchange(
        self, method: str, path: str, *, patience: timedelta = timedelta(), **rest: Any
    ) -> tuple[int, bytes]:
        """Send one request and return the status and the body, whatever they are."""
        limits = aiohttp.ClientTimeout(total=(ANSWER_WITHIN + patience).total_seconds(), sock_connect=CONNECT_WITHIN)
        try:
            async with await self._send(method, path, limits, **rest) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def _send(self, method: str, path: str, limits: aiohttp.ClientTimeout, **rest: Any) -> aiohttp.ClientResponse:
        """Send one request and return its answer, of which nothing but the head was read."""
        if self._session is None:
            raise RuntimeError("a Daemon is used inside `async with`")
        url = URL(f"{self._origin}".rstrip("/") + f"/{path}", encoded=True)
        try:
            return await self._session.request(method, url, timeout=limits, allow_redirects=False, **rest)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> DaemonUnreachableError:
        return DaemonUnreachableError(f"no daemon answers at {self._target.url}: {_reason(error)}")

    def _refusal(self, status: int, raw: bytes) -> DaemonError:
        if status == HTTPStatus.UNAUTHORIZED:
            verdict = "wants a token" if self._target.token is None else "refuses the token"
            detail = f"the daemon {verdict}, which is taken from {self._target.token_from}"
            return DaemonError(status, "Unauthorized", detail)
        try:
            problem = ProblemModel.model_validate_json(raw)
        except pydantic.ValidationError:
            return self._no_daemon(status)
        return DaemonError(problem.status, problem.title, problem.detail)

    def _no_daemon(self, status: int) -> DaemonError:
        return DaemonError(status, "Not a daemon", f"what answers at {self._target.url} is no kling-daemon")


def _unix(url: str) -> aiohttp.UnixConnector:
    return aiohttp.UnixConnector(url.removeprefix(UNIX), limit=NO_LIMIT)


def _segment(reference: str) -> str:
    return quote(reference, safe="")


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
