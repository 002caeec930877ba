"""The part of the client that has jobs made, shows them and waits for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kling_daemon.client.connection import Connection, segment
from kling_daemon.client.long_polls import until_end
from kling_daemon.client.models import (
    CheckedModel,
    JobModel,
    NamedTaskModel,
    Page,
    SubmitModel,
    TimelineModel,
    TrackedModel,
)
from kling_daemon.clock import optional, to_rfc3339


class Jobs:
    """What a `Daemon` knows of jobs."""

    _connection: Connection

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
        return await self._connection.get(f"jobs/{segment(reference)}", JobModel)

    async def track(self, tasks: Sequence[NamedTaskModel]) -> list[TrackedModel]:
        """Have tasks tracked that were created elsewhere, at most 500; Kling is asked about each of them."""
        body = {"tasks": [task.model_dump(mode="json") for task in tasks]}
        return (await self._connection.post("track", body, Page[TrackedModel])).items

    async def cancel(self, reference: str) -> JobModel:
        """End a job that was not sent yet and return it; one that was cancelled before is returned as it stands."""
        return await self._connection.post(f"jobs/{segment(reference)}/cancel", {}, JobModel)

    async def abandon(self, reference: str) -> JobModel:
        """End a job as lost that Kling has taken, and return it; one that was lost already is returned as it stands."""
        return await self._connection.post(f"jobs/{segment(reference)}/abandon", {}, JobModel)

    async def timeline(self, reference: str) -> TimelineModel:
        """Return what happened to a job, in its order, and what is to come."""
        return await self._connection.get(f"jobs/{segment(reference)}/timeline", TimelineModel)

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
        return await self._connection.get(f"jobs/{segment(reference)}/wait", JobModel, query, patience=patience)
