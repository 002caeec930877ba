"""Sites that speak TLS, and wait for nobody's half of it for long."""

import asyncio
import socket
import ssl
from datetime import timedelta
from typing import Any

from aiohttp import web

SHUTDOWN_WITHIN = 5.0
"""Seconds that the other end has to say goodbye as TLS wants it."""


class TlsSite(web.TCPSite):
    """A `TCPSite` whose handshakes are bounded, which aiohttp has no parameter for.

    What comes of a handshake that fails, be it garbage, plain HTTP or a client that trusts us not, is the end of the
    connection and nothing else; no line of the log is a stranger's to write.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext,
        handshake: timedelta,
        backlog: int,
    ) -> None:
        """Take where to listen, and how long a client has to agree on TLS."""
        super().__init__(runner, host, port, ssl_context=ssl_context, backlog=backlog)
        self._handshake = handshake

    async def start(self) -> None:
        """Listen; OSError when the address is not to be had."""
        await web.BaseSite.start(self)
        self._server = await _listen(
            self._runner,
            self._host,
            self._port,
            ssl=self._ssl_context,
            handshake=self._handshake,
            backlog=self._backlog,
        )


class TlsSockSite(web.SockSite):
    """The same for a socket that listens already."""

    def __init__(
        self,
        runner: web.BaseRunner,
        sock: socket.socket,
        *,
        ssl_context: ssl.SSLContext,
        handshake: timedelta,
        backlog: int,
    ) -> None:
        """Take the socket, and how long a client has to agree on TLS."""
        super().__init__(runner, sock, ssl_context=ssl_context, backlog=backlog)
        self._handshake = handshake

    async def start(self) -> None:
        """Accept from now on."""
        await web.BaseSite.start(self)
        self._server = await _listen(
            self._runner, sock=self._sock, ssl=self._ssl_context, handshake=self._handshake, backlog=self._backlog
        )


async def _listen(runner: web.BaseRunner, *where: Any, handshake: timedelta, **given: Any) -> asyncio.Server:
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is set up before its sites")
    return await asyncio.get_running_loop().create_server(
        server, *where, ssl_handshake_timeout=handshake.total_seconds(), ssl_shutdown_timeout=SHUTDOWN_WITHIN, **given
    )
