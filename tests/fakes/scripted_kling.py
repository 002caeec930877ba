"""A Kling on a real socket that answers as the test says, and remembers what it was asked."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class ScriptedKling:
    """Answers with one JSON value after another; the last one stands."""

    answer: object = None
    """An async function of the request, or a list of (HTTP status, JSON) of which the last one repeats."""
    asked: list = field(default_factory=list)
    """Each request: method, path with query, headers, body."""
    url: str = ""

    async def handle(self, request):
        self.asked.append(Asked(request.method, request.raw_path, request.headers.copy(), await request.read()))
        if callable(self.answer):
            return await self.answer(request)
        status, data = self.answer.pop(0) if len(self.answer) > 1 else self.answer[0]
        return web.json_response(data, status=status)

    @asynccontextmanager
    async def serve(self):
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self


@dataclass
class Asked:
    method: str
    path: str
    headers: object
    body: bytes


def envelope(data, code=0, message="SUCCEED"):
    return {"code": code, "message": message, "request_id": "req-1", "data": data}


def task(task_id, status="processing", **more):
    return {"id": task_id, "status": status, "create_time": 1790605869865, "update_time": 1790605870865, **more}
