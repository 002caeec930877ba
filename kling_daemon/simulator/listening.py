"""The simulator's HTTP server: routes on a socket, and Kling's answers for what is on no route."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.utils import format_datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.gate import Gate
from kling_daemon.simulator.kling_api import refused
from kling_daemon.simulator.refusals import RefusalError

MAX_BODY = 64 * 1024 * 1024
"""Creates may carry pictures as base64."""

CONTROL_PREFIX = "/simulator/"

_GRACE = 0.01
"""Seconds for open requests at the end, since some hang on purpose. Not 0, which aiohttp takes for "without limit"."""


def kling_application(
    engine: Engine, routes: Sequence[web.RouteDef], outer: Sequence[Middleware] = ()
) -> web.Application:
    """Return the application that answers as Kling; its `Date` is that of Kling's clock, which may be off.

    outer: what sees requests first and answers last.
    """

    @web.middleware
    async def off_route(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None or request.path.startswith(CONTROL_PREFIX):
            try:
                return await handler(request)
            except web.RequestPayloadError:
                # Such as a body that is not compressed as its header says.
                return refused(engine, RefusalError(1201, "Request body cannot be read"))
        engine.statistics.requests["unknown"] += 1
        wrong_method = request.match_info.http_exception.status == web.HTTPMethodNotAllowed.status_code
        return refused(engine, RefusalError(1202 if wrong_method else 1203))

    async def date(_request: web.Request, answer: web.StreamResponse) -> None:
        # The clock by which tokens are judged, so that a client can set its own by it.
        answer.headers["Date"] = format_datetime(engine.clock.now(), usegmt=True)

    application = web.Application(middlewares=[*outer, off_route], client_max_size=MAX_BODY)
    application.add_routes(routes)
    application.on_response_prepare.append(date)
    return application


def control_application(routes: Sequence[web.RouteDef]) -> web.Application:
    """Return the application that answers the control API and nothing else."""
    application = web.Application()
    application.add_routes(routes)
    return application


@asynccontextmanager
async def listening(
    application: web.Application, host: str, port: int, *, decompresses: bool = True
) -> AsyncIterator[tuple[str, Gate]]:
    """Serve an application until the context is left; yield the URL, without a slash at its end, and the door.

    decompresses: compressed bodies reach the application as what they hold. OSError when it cannot listen.
    """
    application.middlewares.insert(0, _without_a_body)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE, auto_decompress=decompresses)
    await runner.setup()
    gate = Gate(runner)
    try:
        address, bound_port = await gate.bind(host, port)
        yield f"http://{f'[{address}]' if ':' in address else address}:{bound_port}", gate
    finally:
        gate.give_up()
        await runner.cleanup()


@web.middleware
async def _without_a_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bear a client that hung up before its whole body had come, and a body that is not compressed as it says."""
    try:
        return await handler(request)
    except (ConnectionError, web.RequestPayloadError):
        return web.Response(status=400, text="the body cannot be read\n")
