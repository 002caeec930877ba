"""Connections to allowed addresses only: what is checked is what the socket connects to, whatever names say later."""

import errno
import socket
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp import AddrInfoType, SocketFactoryType
from aiohttp.abc import AbstractResolver, ResolveResult

from kling_daemon.egress.lookup import SystemLookup
from kling_daemon.egress.rules import Rules
from kling_daemon.http_client import HttpRefusedError

_MOST = 32
"""How many addresses of a name are looked at; whoever answers for it may send thousands, one of which will do."""


def guarded_connector(rules: Rules, *, lookup: AbstractResolver | None, **options: Any) -> aiohttp.TCPConnector:
    """Return a connector that keeps to the rules at each connection it makes.

    lookup: how names are looked up; by default as the system does. A connection that is kept open and used again stays
    one to the address that was checked.
    """
    resolver = GuardedResolver(rules, lookup or SystemLookup())
    # Answers about names are not kept here, so that there is one place where they are checked; whoever is asked may.
    return aiohttp.TCPConnector(resolver=resolver, socket_factory=_sockets(rules), use_dns_cache=False, **options)


class GuardedResolver(AbstractResolver):
    """Looks names up, and leaves out of the answer what must not be connected to."""

    def __init__(self, rules: Rules, lookup: AbstractResolver) -> None:
        """Take the rules, and what really looks names up."""
        self._rules = rules
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a name.

        Raises OSError when it has none at all, which may pass; HttpRefusedError when none of those it has is allowed.
        """
        found = await self._lookup.resolve(host, port, family)
        if not found:
            raise OSError("the name has no address")
        allowed, refused = [], []
        for result in found[:_MOST]:
            objection = self._rules.objection(ip_address(result["host"]))
            if objection is None:
                allowed.append(result)
            else:
                refused.append(f"{result['host']}, {objection}")
        if not allowed:
            raise HttpRefusedError(f"{host} leads to {refused[0]}")
        return allowed

    async def close(self) -> None:
        """Close what looks names up."""
        await self._lookup.close()


def _sockets(rules: Rules) -> SocketFactoryType:
    """Return what makes aiohttp's sockets."""

    class GuardedSocket(socket.socket):
        """Asks the rules about the very address that is handed to the kernel: the last place to look, and the first."""

        __slots__ = ()

        def connect(self, address: Any) -> None:
            """Connect, or raise PermissionError, from which whoever tries several addresses goes on to the next."""
            objection = rules.objection(ip_address(address[0]))
            if objection is not None:
                raise PermissionError(errno.EACCES, f"{address[0]} is {objection}")
            super().connect(address)

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = info
        return GuardedSocket(family=family, type=kind, proto=protocol)

    return make
