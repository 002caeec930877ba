"""Serves who comes in at a door: at once, or once TLS is agreed on."""

import asyncio

from aiohttp import web

from kling_daemon.listening.doors import Door
from kling_daemon.listening.handshakes import Handshakes, Knocking

BACKLOG = 4096
"""How many connections may wait to be accepted. asyncio sets this also for sockets that were passed, and aiohttp would
have it be 128, which a burst during a restart overflows: then some wait for seconds."""


class Site(web.BaseSite):
    """A door of a runner's."""

    def __init__(self, runner: web.BaseRunner, door: Door, *, handshakes: Handshakes | None) -> None:
        """Take the door, and who agrees on TLS with those who connect."""
        super().__init__(runner, backlog=BACKLOG)
        self._door = door
        self._handshakes = handshakes

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self._door.getsockname())

    async def start(self) -> None:
        """Accept from now on."""
        await super().start()
        server, handshakes = self._runner.server, self._handshakes
        if server is None:
            raise RuntimeError("the runner is set up before its sites")
        self._server = await asyncio.get_running_loop().create_server(
            server if handshakes is None else lambda: Knocking(handshakes, server),
            sock=self._door,
            backlog=self._backlog,
        )
