"""The handlers and plugins of the local API: what is loaded, what was, and how it is doing."""

from http import HTTPStatus

from aiohttp import web

from kling_daemon.api.bodies import Nothing, read_body
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import read_query
from kling_daemon.api.services import ApiServices
from kling_daemon.client.models import ForgottenModel, HandlerModel
from kling_daemon.dispatch.status import HandlerStatus
from kling_daemon.store import HandlerRow

UNLOADED = "unloaded"
"""The state of a handler that the store knows and the configuration does not: its deliveries are parked."""


class HandlerRoutes:
    """The routes `/api/v1/handlers` and `/api/v1/plugins`."""

    def __init__(self, services: ApiServices) -> None:
        """Take the daemon's parts."""
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [
            web.get("/api/v1/handlers", self._handlers),
            web.post("/api/v1/handlers/{name}/forget", self._forget),
            web.get("/api/v1/plugins", self._plugins),
        ]

    async def _handlers(self, request: web.Request) -> web.Response:
        read_query(request, ())
        # A row without events is that of a handler that was forgotten.
        rows = {row.name: row for row in await self._services.store.read.handlers() if row.events}
        loaded = {status.name: status for status in self._services.handlers()}
        items = [_model(name, rows.get(name), loaded.get(name)).as_json() for name in sorted(rows.keys() | loaded)]
        return web.json_response({"items": items, "next": None})

    async def _forget(self, request: web.Request) -> web.Response:
        read_query(request, ())
        await read_body(request, Nothing)
        name = request.match_info["name"]
        statuses = self._services.handlers()
        if any(status.name == name for status in statuses):
            detail = "this handler is loaded; take it out of the configuration and restart the daemon first"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        known = {row.name for row in await self._services.store.read.handlers() if row.events}
        dropped = await self._services.store.forget_handler(name) if name in known else None
        if dropped is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no handler has this name")
        for status in statuses:
            if name in status.depends_on:
                self._services.wake(status.name)
        return web.json_response(ForgottenModel(name=name, dropped=dropped).as_json())

    async def _plugins(self, request: web.Request) -> web.Response:
        read_query(request, ())
        return web.json_response({"items": [plugin.as_json() for plugin in self._services.plugins], "next": None})


def _model(name: str, row: HandlerRow | None, status: HandlerStatus | None) -> HandlerModel:
    known = status or row
    return HandlerModel(
        name=name,
        state=status.openness if status else UNLOADED,
        reason=status.reason if status else None,
        plugin=status.plugin if status else None,
        events=list(known.events) if known else [],
        depends_on=list(known.depends_on) if known else [],
        running=status.running if status else 0,
        concurrency=status.concurrency if status else None,
        first_at=row.first_at if row else None,
        loaded_at=row.loaded_at if row else None,
    )
