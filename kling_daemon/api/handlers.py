"""The handlers and plugins of the local API: what is loaded, what was, and how it is doing."""

from http import HTTPStatus

from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Routes, get, post
from kling_daemon.client.models import ForgottenModel, HandlerModel, Page, PluginModel
from kling_daemon.dispatch.status import HandlerStatus
from kling_daemon.store import HandlerRow

UNLOADED = "unloaded"
"""The state of a handler that the store knows and the configuration does not: its deliveries are parked."""


class HandlerRoutes(Routes):
    """The routes `/api/v1/handlers` and `/api/v1/plugins`."""

    @get("/api/v1/handlers")
    async def list_handlers(self) -> Page[HandlerModel]:
        """List the handlers, those of earlier runs included."""
        # A row without events is that of a handler that was forgotten.
        rows = {row.name: row for row in await self._read.handlers() if row.events}
        loaded = {status.name: status for status in self._services.handlers()}
        items = [_model(name, rows.get(name), loaded.get(name)) for name in sorted(rows.keys() | loaded)]
        return Page[HandlerModel](items=items, next=None)

    @post(
        "/api/v1/handlers/{name}/forget",
        problems={HTTPStatus.CONFLICT: "this handler is loaded; take it out of the configuration and restart first"},
    )
    async def forget_handler(self, name: str) -> ForgottenModel:
        """Forget a handler that is not configured any more.

        What it has waiting or dead is dropped, and no more is collected for it until it is configured again.
        """
        statuses = self._services.handlers()
        if any(status.name == name for status in statuses):
            detail = "this handler is loaded; take it out of the configuration and restart the daemon first"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        known = {row.name for row in await self._read.handlers() if row.events}
        dropped = await self._services.store.forget_handler(name) if name in known else None
        if dropped is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no handler has this name")
        for status in statuses:
            if name in status.depends_on:
                self._services.wake(status.name)
        return ForgottenModel(name=name, dropped=dropped)

    @get("/api/v1/plugins")
    async def list_plugins(self) -> Page[PluginModel]:
        """List the plugins that were found when the daemon started."""
        items = [PluginModel.model_validate(plugin.as_json()) for plugin in self._services.plugins]
        return Page[PluginModel](items=items, next=None)


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
