"""A TCP port that speaks TLS, and waits for nobody's half of it for long."""

import asyncio
import ssl
from datetime import timedelta

from aiohttp import web

SHUTDOWN_WITHIN = 5.0
"""Seconds that the other end has to say goodbye as TLS wants it."""


class TlsSite(web.TCPSite):
    """A `TCPSite` whose handshakes are bounded, which aiohttp has no parameter for.

    What comes of a handshake that fails, be it garbage, plain HTTP or a client that trusts us not, is the end of the
    connection and nothing else; no line of the log is a stranger's to write.
    """

    def __init__(
        self, runner: web.BaseRunner, host: str, port: int, *, ssl_context: ssl.SSLContext, handshake: timedelta
    ) -> None:
        """Take where to listen, and how long a client has to agree on TLS."""
        super().__init__(runner, host, port, ssl_context=ssl_context)
        self._handshake = handshake

    async def start(self) -> None:
        """Listen; OSError when the address is not to be had."""
        await web.BaseSite.start(self)
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is set up before its sites")
        self._server = await asyncio.get_running_loop().create_server(
            server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=self._handshake.total_seconds(),
            ssl_shutdown_timeout=SHUTDOWN_WITHIN,
            backlog=self._backlog,
        )
