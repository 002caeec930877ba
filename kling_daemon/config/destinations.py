"""Where handlers may go by `[egress]`: host names, with or without a star before them, and networks."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated

import pydantic
from yarl import URL

Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
"""A host name; what ends in a number is an address or nothing."""


def parse_host(value: object) -> str:
    """Read a host name, `*.` before one for all below it, or an address; return it as it stands in a request.

    That is in ASCII (`xn--` for other letters), in lower case and without a dot at its end. Raises ValueError.
    """
    text = value.strip().lower().removesuffix(".") if isinstance(value, str) else ""
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        if not star:
            return str(ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass  # a name, then
    try:
        name = URL.build(scheme="https", host=name).raw_host or ""
    except ValueError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError('must be a host such as "cdn.example.com" or "*.example.com", without scheme, port or path')
    return f"{star}{name}"


def parse_network(value: object) -> Network:
    """Read a network, or one address as the network that holds it alone. Raises ValueError."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value.strip() if isinstance(value, str) and "%" not in value else ""
    try:
        return ip_network(text)
    except ValueError:
        pass  # none, or one with an address inside it for its name
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError('must be a network such as "10.20.0.0/16", "fd00:1::/64", or an address') from None
    raise ValueError(f'must be a network, which {text} lies within: "{meant}"')


AllowedHost = Annotated[
    str,
    pydantic.BeforeValidator(parse_host),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "cdn.example.com" or "*.example.com"'}),
]
AllowedNetwork = Annotated[
    Network,
    pydantic.PlainValidator(parse_network),
    pydantic.PlainSerializer(str, return_type=str, when_used="json"),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "10.20.0.0/16" or "fd00:1::/64"'}),
]
