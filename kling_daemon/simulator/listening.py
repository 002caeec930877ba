"""The simulator's HTTP server: routes on a socket, and Kling's answers for what is on no route."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.kling_api import refused
from kling_daemon.simulator.refusals import RefusalError

MAX_BODY = 64 * 1024 * 1024
"""Creates may carry pictures as base64."""

_GRACE = 0.01
"""Seconds for open requests at the end, since some hang on purpose. Not 0, which aiohttp takes for "without limit"."""


@asynccontextmanager
async def listening(engine: Engine, routes: Sequence[web.RouteDef], host: str, port: int) -> AsyncIterator[str]:
    """Serve the routes until the context is left; yield the URL, without a slash at its end."""

    @web.middleware
    async def off_route(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None or request.path.startswith("/simulator/"):
            return await handler(request)
        engine.statistics.requests["unknown"] += 1
        wrong_method = request.match_info.http_exception.status == web.HTTPMethodNotAllowed.status_code
        return refused(engine, RefusalError(1202 if wrong_method else 1203))

    application = web.Application(middlewares=[off_route], client_max_size=MAX_BODY)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        address = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{address}:{bound[1]}"
    finally:
        await runner.cleanup()
