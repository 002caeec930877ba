"""Sites that speak TLS with whoever connects."""

import asyncio
import socket
from typing import Any

from aiohttp import web

from kling_daemon.listening.handshakes import Handshakes, Knocking


class TlsSite(web.TCPSite):
    """A `TCPSite` that has others shake hands."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, *, handshakes: Handshakes, backlog: int) -> None:
        """Take where to listen, and who agrees on TLS with those who connect."""
        super().__init__(runner, host, port, backlog=backlog)
        self._handshakes = handshakes

    async def start(self) -> None:
        """Listen; OSError when the address is not to be had."""
        await web.BaseSite.start(self)
        self._server = await _listen(self._runner, self._handshakes, self._host, self._port, backlog=self._backlog)


class TlsSockSite(web.SockSite):
    """The same for a socket that listens already."""

    def __init__(self, runner: web.BaseRunner, sock: socket.socket, *, handshakes: Handshakes, backlog: int) -> None:
        """Take the socket, and who agrees on TLS with those who connect."""
        super().__init__(runner, sock, backlog=backlog)
        self._handshakes = handshakes

    async def start(self) -> None:
        """Accept from now on."""
        await web.BaseSite.start(self)
        self._server = await _listen(self._runner, self._handshakes, sock=self._sock, backlog=self._backlog)


async def _listen(runner: web.BaseRunner, handshakes: Handshakes, *where: Any, **given: Any) -> asyncio.Server:
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is set up before its sites")
    return await asyncio.get_running_loop().create_server(lambda: Knocking(handshakes, server), *where, **given)
