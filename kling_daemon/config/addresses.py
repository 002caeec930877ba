"""Where a listener listens: a host and port, or a Unix socket."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import pydantic

_TCP = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})", re.ASCII)
_UNIX = "unix:"
_MAX_PORT = 65_535
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, not bound
_SUN_PATH = 107
"""How many bytes Linux gives the path of a Unix socket."""


def is_loopback(host: str) -> bool:
    """True for a host that only programs on this machine can reach."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpAddress:
    """A host and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only programs on this machine reach it."""
        return is_loopback(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixAddress:
    """The path of a Unix socket."""

    path: Path

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


Address = TcpAddress | UnixAddress


def parse_tcp(value: object) -> TcpAddress:
    """Read `HOST:PORT` or `[IPv6]:PORT`. Raises ValueError."""
    if isinstance(value, TcpAddress):
        return value
    match = _TCP.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match["port"]) > _MAX_PORT:
        raise ValueError('must be an address such as "127.0.0.1:8765" or "[::1]:8765"')
    return TcpAddress(host=match["v6"] or match["host"], port=int(match["port"]))


def parse_address(value: object) -> Address:
    """Read `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH`. Raises ValueError."""
    if isinstance(value, UnixAddress):
        return value
    if isinstance(value, str) and value.strip().startswith(_UNIX):
        path = Path(value.strip().removeprefix(_UNIX)).expanduser()
        if not path.is_absolute() or len(str(path).encode()) > _SUN_PATH:
            raise ValueError(f"must be an absolute path of at most {_SUN_PATH} bytes after unix:")
        return UnixAddress(path=path)
    try:
        return parse_tcp(value)
    except ValueError:
        raise ValueError('must be an address such as "127.0.0.1:8766" or "unix:/run/kling-daemon/api.sock"') from None


def collide(one: Address, other: Address) -> bool:
    """True when two listeners could not both have their address."""
    if isinstance(one, TcpAddress) and isinstance(other, TcpAddress):
        same_host = one.host == other.host or bool(_WILDCARDS & {one.host, other.host})
        return one.port != 0 and one.port == other.port and same_host
    return one == other


_Written = pydantic.PlainSerializer(str, return_type=str, when_used="json")

Tcp = Annotated[
    TcpAddress,
    pydantic.PlainValidator(parse_tcp),
    _Written,
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "127.0.0.1:8765" or "[::1]:8765"'}),
]
TcpOrUnix = Annotated[
    Address,
    pydantic.PlainValidator(parse_address),
    _Written,
    pydantic.WithJsonSchema(
        {"type": "string", "description": 'such as "127.0.0.1:8766" or "unix:/run/kling-daemon/api.sock"'}
    ),
]
