"""Looks names up as the system does, on threads that hold up nothing else when a name's server does not answer."""

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

MOST = 16
"""How many names are looked up at a time; the rest wait, until the time for a connection is over."""

_Found = list[tuple[Any, ...]]


class SystemLookup(AbstractResolver):
    """Each look-up is a daemon thread of its own.

    The loop's executor would not do: the system's look-up cannot be stopped, so a few names whose servers are silent
    would take all its threads, and with them what submissions, requests to Kling and the end of the process need.
    """

    def __init__(self, *, ask: Callable[..., _Found] = socket.getaddrinfo) -> None:
        """Take what blocks until a name is found: `socket.getaddrinfo`, or what behaves alike."""
        self._ask = ask
        self._room = asyncio.Semaphore(MOST)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a name's addresses. Raises OSError when there are none, UnicodeError for what is no name."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Found] = loop.create_future()

        def hand_back(result: _Found | Exception) -> None:
            # Only now, since a thread that nobody waits for any more is still one.
            self._room.release()
            if found.cancelled():
                return
            if isinstance(result, Exception):
                found.set_exception(result)
            else:
                found.set_result(result)

        def look_up() -> None:
            result: _Found | Exception
            try:
                result = self._ask(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
                result = error
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(hand_back, result)

        try:
            threading.Thread(target=look_up, name="look-up", daemon=True).start()
        except RuntimeError as error:
            self._room.release()
            raise OSError(errno.EAGAIN, "no thread can be started") from error
        return [
            _result(host, port, family, address)
            for family, _, _, _, address in await found
            if family in (socket.AF_INET, socket.AF_INET6)
        ]

    async def close(self) -> None:
        """Nothing is waited for: what still runs ends by itself."""


def _result(host: str, port: int, family: socket.AddressFamily, address: tuple[Any, ...]) -> ResolveResult:
    found = str(address[0])
    # (address, port, flow, scope): with a scope it is one that only a zone makes complete.
    if len(address) > 3 and address[3] and "%" not in found:  # noqa: PLR2004 - as in the tuple above
        found = f"{found}%{address[3]}"
    return {
        "hostname": host,
        "host": found,
        "port": port,
        "family": family,
        "proto": socket.IPPROTO_TCP,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }
