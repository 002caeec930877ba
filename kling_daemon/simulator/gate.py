"""The simulator's door at one port: open, or shut so that whoever knocks is refused as if nobody were there."""

import socket
from collections.abc import Sequence

from aiohttp import web

from kling_daemon.simulator.engine import Engine


class Gate:
    """Listens for a runner, or has connections refused at the very port, which stays ours all the while."""

    def __init__(self, runner: web.AppRunner) -> None:
        """Take a runner that has been set up; nothing is bound yet."""
        self._runner = runner
        self._sites: list[web.BaseSite] = []
        self._reserved: list[socket.socket] = []

    async def bind(self, host: str, port: int) -> tuple[str, int]:
        """Open at an address, port 0 for a free one; return the (first) address that was bound. OSError if it fails."""
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._sites = [site]
        bound = self._runner.addresses[0]
        return bound[0], bound[1]

    async def follow(self, engine: Engine) -> None:
        """Open and shut as the engine's settings want it, until cancelled."""
        while True:
            engine.changed.clear()
            if engine.settings.refuses_connections:
                await self._shut()
            else:
                await self._open()
            await engine.changed.wait()

    def give_up(self) -> None:
        """Let go of a port that is shut."""
        while self._reserved:
            self._reserved.pop().close()

    async def _shut(self) -> None:
        if not self._sites:
            return
        addresses: Sequence[tuple[str, int]] = [address[:2] for address in self._runner.addresses]
        while self._sites:
            await self._sites.pop().stop()
        # Bound, but not listening: nobody else can take the port, and the kernel refuses every connection.
        self._reserved = [_reserve(*address) for address in addresses]
        for connection in () if self._runner.server is None else self._runner.server.connections:
            connection.force_close()

    async def _open(self) -> None:
        while self._reserved:
            site = web.SockSite(self._runner, self._reserved.pop())
            await site.start()
            self._sites.append(site)


def _reserve(host: str, port: int) -> socket.socket:
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reserved.family == socket.AF_INET6:
            reserved.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved
