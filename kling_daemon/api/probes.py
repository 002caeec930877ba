"""What machines ask without a token: the metrics, and whether the daemon is ready."""

from http import HTTPStatus

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Routes, get
from kling_daemon.api.services import ApiServices
from kling_daemon.api.waiting import WaitingRoom
from kling_daemon.client.models import HealthModel


class ProbeRoutes(Routes):
    """The routes `/metrics` and `/readyz`."""

    def __init__(self, services: ApiServices, waiting: WaitingRoom) -> None:
        """Take the daemon's parts, and the place where requests wait."""
        super().__init__(services, waiting)
        self._metrics = make_aiohttp_handler(services.metrics)

    @get("/metrics", media=("text/plain",), open=True, lenient=True)
    async def show_metrics(self, request: web.Request) -> web.StreamResponse:
        """Show what is counted and measured, in Prometheus' text format."""
        return await self._metrics(request)

    @get(
        "/readyz",
        open=True,
        lenient=True,
        problems={HTTPStatus.SERVICE_UNAVAILABLE: "it does not, for the reasons that are given"},
    )
    async def show_readiness(self) -> HealthModel:
        """Tell whether the daemon does its work."""
        obstacles = self._services.obstacles()
        if obstacles:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(obstacles), headers={"Retry-After": "5"})
        return HealthModel(ready=True, reasons=[])
