"""The client of the local API: one method for each of its routes."""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from kling_daemon.client.connection import Connection
from kling_daemon.client.discovery import Target, find_daemon
from kling_daemon.client.event_stream import EventStream, Lost
from kling_daemon.client.kept_callbacks import KeptCallbacks
from kling_daemon.client.long_polls import until_end
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
    ReloadedModel,
    ReplayedModel,
    StatsModel,
    SubmitModel,
    TimelineModel,
    TokenModel,
    TrackedModel,
)
from kling_daemon.clock import optional, to_rfc3339
from kling_daemon.scopes import Scope

LAST_EVENT_ID = "Last-Event-ID"


class Daemon(KeptCallbacks):
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
        self._connection = Connection(target)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

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
        return await self._connection.post("jobs", order.model_dump(mode="json"), JobModel)

    async def check(self, orders: Sequence[SubmitModel]) -> list[CheckedModel]:
        """Tell of each order whether it would be refused, and which job its key has made already; at most 500."""
        body = {"orders": [order.model_dump(mode="json") for order in orders]}
        return (await self._connection.post("orders/check", body, Page[CheckedModel])).items

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
        return await self._connection.get("jobs", Page[JobModel], query)

    async def job(self, reference: str) -> JobModel:
        """Return the job with this id, task id or external id."""
        return await self._connection.get(f"jobs/{_segment(reference)}", JobModel)

    async def track(self, tasks: Sequence[NamedTaskModel]) -> list[TrackedModel]:
        """Have tasks tracked that were created elsewhere, at most 500; Kling is asked about each of them."""
        body = {"tasks": [task.model_dump(mode="json") for task in tasks]}
        return (await self._connection.post("track", body, Page[TrackedModel])).items

    async def cancel(self, reference: str) -> JobModel:
        """End a job that was not sent yet and return it; one that was cancelled before is returned as it stands."""
        return await self._connection.post(f"jobs/{_segment(reference)}/cancel", {}, JobModel)

    async def abandon(self, reference: str) -> JobModel:
        """End a job as lost that Kling has taken, and return it; one that was lost already is returned as it stands."""
        return await self._connection.post(f"jobs/{_segment(reference)}/abandon", {}, JobModel)

    async def timeline(self, reference: str) -> TimelineModel:
        """Return what happened to a job, in its order, and what is to come."""
        return await self._connection.get(f"jobs/{_segment(reference)}/timeline", TimelineModel)

    async def wait(self, reference: str, patience: timedelta | None = None) -> JobModel:
        """Return the job at its end, or as it stands when the patience is over; None waits for as long as it takes.

        A daemon that has answered once may then be away for up to a minute at a time: it may be restarting.
        """
        return await until_end(lambda rest: self.poll(reference, rest), patience)

    async def poll(self, reference: str, patience: timedelta) -> JobModel:
        """Ask once, and be answered at the job's end, when the patience is over, or when the daemon stops.

        The daemon's own patience ends after five minutes.
        """
        query = {"timeout": f"{patience.total_seconds():.3f}"}
        return await self._connection.get(f"jobs/{_segment(reference)}/wait", JobModel, query, patience=patience)

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
        return await self._connection.get("events", Page[EventModel], query)

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

        async def connect(place: str | None) -> aiohttp.ClientResponse:
            return await self._connection.stream("events", query, {LAST_EVENT_ID: place} if place is not None else {})

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
        return await self._connection.get("deliveries", Page[DeliveryModel], query)

    async def delivery(self, delivery: int) -> DeliveryInFullModel:
        """Return one delivery with its attempts."""
        return await self._connection.get(f"deliveries/{delivery}", DeliveryInFullModel)

    async def drop_delivery(self, delivery: int) -> DeliveryModel:
        """Close a delivery for good that waits or is dead."""
        return await self._connection.post(f"deliveries/{delivery}/drop", {}, DeliveryModel)

    async def retry_delivery(self, delivery: int) -> DeliveryModel:
        """Give a delivery that is not done all its attempts again, at once."""
        return await self._connection.post(f"deliveries/{delivery}/retry", {}, DeliveryModel)

    async def handlers(self) -> Page[HandlerModel]:
        """Return every handler, loaded or parked."""
        return await self._connection.get("handlers", Page[HandlerModel])

    async def forget_handler(self, name: str) -> ForgottenModel:
        """Drop what a handler that is not configured any more has waiting or dead, and collect no more for it."""
        return await self._connection.post(f"handlers/{_segment(name)}/forget", {}, ForgottenModel)

    async def tokens(self) -> Page[TokenModel]:
        """Return every token of the API, without what they are."""
        return await self._connection.get("tokens", Page[TokenModel])

    async def make_token(self, name: str, scope: Scope = Scope.READ) -> MadeTokenModel:
        """Have a token made; it is told this once."""
        return await self._connection.post("tokens", {"name": name, "scope": scope.value}, MadeTokenModel)

    async def revoke_token(self, name: str) -> TokenModel:
        """Make a token good for nothing from now on."""
        return await self._connection.post(f"tokens/{_segment(name)}/revoke", {}, TokenModel)

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
        return await self._connection.post(f"handlers/{_segment(handler)}/replay", order, ReplayedModel)

    async def plugins(self) -> Page[PluginModel]:
        """Return the plugins that the daemon found when it started."""
        return await self._connection.get("plugins", Page[PluginModel])

    async def reload(self) -> ReloadedModel:
        """Have the configuration read anew; with a mistake in it nothing changes, and the answer names every one."""
        return await self._connection.post("reload", {}, ReloadedModel)

    async def stats(self) -> StatsModel:
        """Return the daemon's numbers."""
        return await self._connection.get("stats", StatsModel)

    async def health(self) -> HealthModel:
        """Return whether the daemon does its work, and why not; no token is needed."""
        status, raw = await self._connection.exchange("GET", "readyz")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return HealthModel(ready=False, reasons=self._connection.refusal(status, raw).detail.split("; "))
        if status != HTTPStatus.OK:
            raise self._connection.refusal(status, raw)
        try:
            return HealthModel.model_validate({"reasons": []} | json.loads(raw))
        except (ValueError, TypeError) as error:
            raise self._connection.no_daemon(status) from error

    async def metrics(self) -> str:
        """Return what is counted and measured since the daemon's start, in Prometheus' text format."""
        status, raw = await self._connection.exchange("GET", "metrics")
        if status != HTTPStatus.OK:
            raise self._connection.refusal(status, raw)
        return raw.decode("utf-8", "replace")


def _segment(reference: str) -> str:
    return quote(reference, safe="")
