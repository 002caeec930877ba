"""Has a recorder see what the simulated Kling is asked and what it answers."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.files.addresses import PREFIX as FILES_PREFIX
from kling_daemon.simulator.listening import CONTROL_PREFIX
from kling_daemon.simulator.traffic.recorder import Recorder


def recorded(engine: Engine, recorder: Recorder) -> Middleware:
    """Return the middleware that notes every request but those for files and those to the control API."""

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith((CONTROL_PREFIX, FILES_PREFIX)):
            return await handler(request)
        began = engine.clock.monotonic()
        try:
            body = await request.read()
        except web.RequestPayloadError:
            body = b""
        answer = await handler(request)
        was_cut = request.transport is None or request.transport.is_closing()
        raw = answer.body if isinstance(answer, web.Response) else None
        recorder.asked(
            began,
            request.method,
            request.raw_path,
            {name.lower(): value for name, value in request.headers.items()},
            body,
            status=None if was_cut else answer.status,
            answer=raw if isinstance(raw, bytes) and not was_cut else b"",
            retry_after=answer.headers.get("Retry-After"),
            ahead=engine.settings.clock_offset.total_seconds(),
        )
        return answer

    return note
