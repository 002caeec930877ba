"""The deliveries of the local API: what each handler was given, and a person's decision on what failed."""

import re
from dataclasses import asdict
from http import HTTPStatus

from aiohttp import web

from kling_daemon.api.bodies import Nothing, read_body
from kling_daemon.api.jobs import find_job
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import PAGING, before_of, choice_of, cut, limit_of, read_query
from kling_daemon.api.services import ApiServices
from kling_daemon.client.models import DeliveryInFullModel, DeliveryModel
from kling_daemon.deliveries import DeliveryState
from kling_daemon.store import DeliveryRow

MAX_ATTEMPTS = 100
"""How many attempts are told of one delivery; a handler may postpone as often as it likes."""

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


class DeliveryRoutes:
    """The routes below `/api/v1/deliveries`."""

    def __init__(self, services: ApiServices) -> None:
        """Take the daemon's parts."""
        self._services = services
        self._read = services.store.read

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [
            web.get("/api/v1/deliveries", self._list),
            web.get("/api/v1/deliveries/{id}", self._show),
            web.post("/api/v1/deliveries/{id}/retry", self._retry),
            web.post("/api/v1/deliveries/{id}/drop", self._drop),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = read_query(request, ("state", "handler", "job", *PAGING))
        state, limit, before = choice_of(query, "state", DeliveryState), limit_of(query), before_of(query)
        job = await find_job(self._read, query["job"]) if "job" in query else None
        rows = await self._read.deliveries(
            limit=limit + 1,
            before=before,
            state=state,
            handler=query.get("handler"),
            job_id=job.id if job else None,
        )
        part, cursor = cut(rows, limit, lambda row: row.id)
        return web.json_response({"items": [_model(row).as_json() for row in part], "next": cursor})

    async def _retry(self, request: web.Request) -> web.Response:
        read_query(request, ())
        await read_body(request, Nothing)
        before = await self._find(request.match_info["id"])
        handler = await self._services.store.retry_delivery(before.id)
        if handler is None:
            detail = f"delivery {before.id} is {before.state}; only one that waits, is dead or was dropped is retried"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        self._services.wake(handler)
        return web.json_response(_model(await self._find(str(before.id))).as_json())

    async def _show(self, request: web.Request) -> web.Response:
        read_query(request, ())
        row = await self._find(request.match_info["id"])
        attempts = await self._read.attempts(row.id, limit=MAX_ATTEMPTS)
        values = asdict(row) | {"attempts": [asdict(attempt) for attempt in attempts]}
        return web.json_response(DeliveryInFullModel.model_validate(values).as_json())

    async def _drop(self, request: web.Request) -> web.Response:
        read_query(request, ())
        await read_body(request, Nothing)
        before = await self._find(request.match_info["id"])
        handler = await self._services.store.drop_delivery(before.id)
        if handler is None:
            now = await self._find(str(before.id))
            detail = f"delivery {now.id} is {now.state}; only one that waits or is dead is dropped"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        for status in self._services.handlers():
            # Later events of its job are free now, and so is what waited for its result.
            if status.name == handler or handler in status.depends_on:
                self._services.wake(status.name)
        return web.json_response(_model(await self._find(str(before.id))).as_json())

    async def _find(self, text: str) -> DeliveryRow:
        number = int(text) if _ID.fullmatch(text) else 0
        rows = await self._read.deliveries(limit=1, before=number + 1)
        if not rows or rows[0].id != number:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no delivery has this id")
        return rows[0]


def _model(row: DeliveryRow) -> DeliveryModel:
    return DeliveryModel.model_validate(row, from_attributes=True)
