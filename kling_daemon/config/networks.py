"""Networks as the configuration names them, one address being the network that holds it alone."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

import pydantic


def parse_network(value: object) -> IPv4Network | IPv6Network:
    """Read a network or an address. Raises ValueError."""
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


Network = Annotated[
    IPv4Network | IPv6Network,
    pydantic.PlainValidator(parse_network),
    pydantic.PlainSerializer(str, return_type=str, when_used="json"),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "10.20.0.0/16" or "fd00:1::/64"'}),
]
