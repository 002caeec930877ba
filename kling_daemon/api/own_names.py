"""Which names mean this daemon: `Host` must bear one of them, and `Origin` the very same.

A web page anywhere may have its reader's browser send requests to this machine, and the owner of a name may let it lead
to 127.0.0.1, so that the browser takes the daemon for a part of the page (DNS rebinding). Both give themselves away:
the page by its `Origin`, the name because it is none of ours. An IP address is never such a name, for a page that came
from it came from us.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from kling_daemon.config import Address, TcpAddress

_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,254}))(?::(?P<port>[0-9]{0,5}))?", re.ASCII
)
_LOCAL = "localhost"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A host and, where it was written, a port: what `Host` bears, and an absolute URL."""

    host: str
    """In lower case, without a dot at its end and without brackets."""
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what is written as in `Host`; None for what is nothing of the kind."""
        match = _AUTHORITY.fullmatch(text)
        if match is None or (match["v6"] is not None and not _is_ip(match["v6"])):
            return None
        host = match["v6"] or match["name"].removesuffix(".")
        return cls(host=_plain(host), port=int(match["port"]) if match["port"] else None)


class OwnNames:
    """The names of one daemon's local API; ports are not looked at, since tunnels and proxies change them."""

    def __init__(self, listen: Address, hosts: Iterable[str] = ()) -> None:
        """Take where it listens and the names that were configured.

        Over a Unix socket no browser comes, so any name will do there, unless names are configured.
        """
        self._names = {_plain(host) for host in hosts}
        self._any = not self._names and not isinstance(listen, TcpAddress)
        if isinstance(listen, TcpAddress):
            self._names.add(_plain(listen.host))

    def have(self, host: str) -> bool:
        """True for a host that means this daemon, as `Authority` has it."""
        return self._any or host == _LOCAL or host.endswith(f".{_LOCAL}") or host in self._names or _is_ip(host)


def is_same_origin(origin: str, asked: Authority) -> bool:
    """True when a page of that origin, as a browser writes it, came from where it now sends its request."""
    scheme, separator, text = origin.partition("://")
    page, usual = Authority.parse(text), _PORTS.get(scheme)
    if not separator or page is None or usual is None:
        return False
    return page.host == asked.host and (page.port or usual) == (asked.port or usual)


def _plain(host: str) -> str:
    try:
        return str(ip_address(host))  # so that it does not matter how an IPv6 address was shortened
    except ValueError:
        return host.lower()


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
