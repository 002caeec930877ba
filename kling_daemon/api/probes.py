"""What machines ask without a token: the metrics, and whether the daemon is ready."""

from http import HTTPStatus

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from kling_daemon.api.problems import ProblemError
from kling_daemon.api.services import ApiServices


class ProbeRoutes:
    """The routes `/metrics` and `/readyz`."""

    def __init__(self, services: ApiServices) -> None:
        """Take the daemon's parts."""
        self._services = services
        self._metrics = make_aiohttp_handler(services.metrics)

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [web.get("/metrics", self._metrics), web.get("/readyz", self._readyz)]

    async def _readyz(self, _request: web.Request) -> web.Response:
        obstacles = self._services.obstacles()
        if obstacles:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(obstacles), headers={"Retry-After": "5"})
        return web.json_response({"ready": True})
