"""Hosts as the configuration names them: a name or an address, or a name with a star for all below it."""

import re
from ipaddress import ip_address
from typing import Annotated

import pydantic
from yarl import URL

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z){_LABEL}", re.ASCII)
"""A host name; what ends in a number is an address or nothing."""

_ANY_BELOW = "*."


def parse_host(value: object) -> str:
    """Read a host name or an address; return it as it stands in a request. Raises ValueError.

    That is in ASCII (`xn--` for other letters), in lower case and without a dot at its end.
    """
    host = _host(_text(value))
    if host is None:
        raise ValueError('must be a host such as "kling.example.com", without scheme, port or path')
    return host


def parse_host_pattern(value: object) -> str:
    """Read what `parse_host` does, or a name with `*.` before it, for all below it. Raises ValueError."""
    text = _text(value)
    star = _ANY_BELOW if text.startswith(_ANY_BELOW) else ""
    host = _name(text.removeprefix(star)) if star else _host(text)
    if host is None:
        raise ValueError('must be a host such as "cdn.example.com" or "*.example.com", without scheme, port or path')
    return f"{star}{host}"


def _text(value: object) -> str:
    return value.strip().lower().removesuffix(".") if isinstance(value, str) else ""


def _host(text: str) -> str | None:
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return _name(text)


def _name(text: str) -> str | None:
    try:
        name = URL.build(scheme="https", host=text).raw_host or ""
    except ValueError:
        return None
    return name if _NAME.fullmatch(name) else None


HostName = Annotated[
    str,
    pydantic.BeforeValidator(parse_host),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "kling.example.com"'}),
]
HostPattern = Annotated[
    str,
    pydantic.BeforeValidator(parse_host_pattern),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "cdn.example.com" or "*.example.com"'}),
]
