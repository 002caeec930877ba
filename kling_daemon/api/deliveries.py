"""The deliveries of the local API: what each handler was given, and a person's decision on what failed."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

import pydantic

from kling_daemon.api.jobs import NAMED_JOB, find_job
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import Paging
from kling_daemon.api.routes import Routes, get, post
from kling_daemon.api.stats import PARKED
from kling_daemon.client.models import DeliveryInFullModel, DeliveryModel, Page
from kling_daemon.deliveries import DeliveryState
from kling_daemon.store import DeliveryRow

MAX_ATTEMPTS = 100
"""How many attempts are told of one delivery; a handler may postpone as often as it likes."""

DeliveryId = Annotated[str, pydantic.Field(pattern=r"^[0-9]{1,18}$", description="The delivery's id.")]


class DeliveriesQuery(Paging):
    """Which deliveries are listed."""

    state: DeliveryState | None = None
    handler: str | None = None
    """A handler's name."""
    job: str | None = None
    """A job's own id, Kling's task id or the external id."""


class DeliveryRoutes(Routes):
    """The routes below `/api/v1/deliveries`."""

    @get("/api/v1/deliveries", problems=NAMED_JOB)
    async def list_deliveries(self, query: DeliveriesQuery) -> Page[DeliveryModel]:
        """List deliveries, the latest first."""
        job = None if query.job is None else await find_job(self._read, query.job)
        rows = await self._read.deliveries(
            limit=query.limit + 1,
            before=query.cursor,
            state=query.state,
            handler=query.handler,
            job_id=job.id if job else None,
        )
        part, following = query.cut(rows, lambda row: row.id)
        return Page[DeliveryModel](items=[self._model(row) for row in part], next=following)

    @get("/api/v1/deliveries/{delivery}")
    async def show_delivery(self, delivery: DeliveryId) -> DeliveryInFullModel:
        """Show one delivery with its attempts."""
        row = await self._find(delivery)
        attempts = await self._read.attempts(row.id, limit=MAX_ATTEMPTS)
        values = self._model(row).model_dump() | {"attempts": [asdict(attempt) for attempt in attempts]}
        return DeliveryInFullModel.model_validate(values)

    @post("/api/v1/deliveries/{delivery}/retry", problems={HTTPStatus.CONFLICT: "it is done or running"})
    async def retry_delivery(self, delivery: DeliveryId) -> DeliveryModel:
        """Give a delivery all its attempts again, at once."""
        before = await self._find(delivery)
        handler = await self._services.store.retry_delivery(before.id)
        if handler is None:
            detail = f"delivery {before.id} is {before.state}; only one that waits, is dead or was dropped is retried"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        self._services.wake(handler)
        return self._model(await self._find(delivery))

    @post("/api/v1/deliveries/{delivery}/drop", problems={HTTPStatus.CONFLICT: "it is running, done or dropped"})
    async def drop_delivery(self, delivery: DeliveryId) -> DeliveryModel:
        """Close a delivery for good that waits or is dead."""
        before = await self._find(delivery)
        handler = await self._services.store.drop_delivery(before.id)
        if handler is None:
            now = await self._find(delivery)
            detail = f"delivery {now.id} is {now.state}; only one that waits or is dead is dropped"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        for status in self._services.handlers():
            # Later events of its job are free now, and so is what waited for its result.
            if status.name == handler or handler in status.depends_on:
                self._services.wake(status.name)
        return self._model(await self._find(delivery))

    async def _find(self, delivery: str) -> DeliveryRow:
        number = int(delivery)
        rows = await self._read.deliveries(limit=1, before=number + 1)
        if not rows or rows[0].id != number:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no delivery has this id")
        return rows[0]

    def _model(self, row: DeliveryRow) -> DeliveryModel:
        loaded = {status.name for status in self._services.handlers()}
        is_parked = row.state is DeliveryState.PENDING and row.handler not in loaded
        return DeliveryModel.model_validate(asdict(row) | ({"held": PARKED} if is_parked else {}))
