"""The runner behind every listener: an aiohttp application on quiet connections, with a shortcut if it has one."""

import asyncio
from datetime import timedelta

from aiohttp import web

from kling_daemon.listening.connections import QuietConnection
from kling_daemon.listening.limiter import ConnectionLimiter
from kling_daemon.listening.shortcut import Shortcut, ShortcutConnection

_NEVER = timedelta(days=365)
"""When aiohttp closes an idle connection: the limiter does that, by one timer for all."""


class QuietRunner(web.AppRunner):
    """An `AppRunner` that makes connections of ours; there is no access log."""

    def __init__(
        self,
        application: web.Application,
        *,
        shortcut: Shortcut | None,
        limiter: ConnectionLimiter,
        stop_timeout: timedelta,
    ) -> None:
        """Take what is served, what answers some requests in its place, who lets connections in, and the stop's limit.

        stop_timeout: how long requests may take to end.
        """
        super().__init__(
            application,
            access_log=None,
            auto_decompress=False,  # what is small on the wire stays small here
            keepalive_timeout=_NEVER.total_seconds(),
            shutdown_timeout=stop_timeout.total_seconds(),
        )
        self._shortcut = shortcut
        self._limiter = limiter
        application.on_response_prepare.append(self._say_goodbye)

    def stop_accepting(self) -> None:
        """Accept no connection any more, and have each one's next answer be its last."""
        self._limiter.is_leaving = True
        loop = asyncio.get_running_loop()
        for site in self.sites:
            server: asyncio.Server | None = site._server  # type: ignore[assignment]  # noqa: SLF001 - nothing else tells
            for listener in server.sockets if server is not None else ():
                loop.remove_reader(listener)

    async def _say_goodbye(self, _request: web.Request, response: web.StreamResponse) -> None:
        if self._limiter.is_leaving:
            response.force_close()
            response.headers["Connection"] = "close"  # aiohttp has written its headers before it asks us

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made, self._shortcut, self._limiter)


class _Server(web.Server):
    """A server like the one that aiohttp has made, which takes the class of its connections nowhere else."""

    def __init__(self, made: web.Server, shortcut: Shortcut | None, limiter: ConnectionLimiter) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, **made._kwargs)  # noqa: SLF001 - see above
        self._shortcut = shortcut
        self._limiter = limiter

    def __call__(self) -> web.RequestHandler:
        if self._shortcut is None:
            return QuietConnection(self._limiter, self, loop=self._loop, **self._kwargs)
        return ShortcutConnection(self._shortcut, self._limiter, self, loop=self._loop, **self._kwargs)
