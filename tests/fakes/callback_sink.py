"""A receiver on a real socket that notes every callback it gets and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def status(self) -> str:
        """The state that the body tells, in Kling's word."""
        return self.json.get("status") or self.json["task_status"]


@dataclass(slots=True)
class CallbackSink:
    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 when none is left."""
    received: list[Received] = field(default_factory=list)
    _bell: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def serve(cls) -> AsyncIterator[Self]:
        sink = cls()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", sink._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/kling"
            yield sink
        finally:
            await runner.cleanup()

    async def got(self, count: int) -> list[Received]:
        """Wait until so many have come, and return them all."""
        async with self._bell:
            await self._bell.wait_for(lambda: len(self.received) >= count)
        return list(self.received)

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        async with self._bell:
            self.received.append(Received(path=request.path, headers=headers, body=body))
            self._bell.notify_all()
        return web.json_response({"received": True}, status=self.answers.pop(0) if self.answers else 200)
