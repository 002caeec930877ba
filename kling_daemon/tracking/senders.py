"""Who sent a request: the peer, or, where that is a proxy of ours, whom the proxies say that it came from.

Each proxy adds to the right of `Forwarded` (RFC 7239) or `X-Forwarded-For` whom it was asked by. So what stands
furthest right and is no proxy of ours is the sender; whatever stands left of it, the sender may have made up.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_FORWARDED = b"forwarded"
_X_FORWARDED_FOR = b"x-forwarded-for"
_PAIR = re.compile(
    r"""[ \t]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)="""
    r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s",;=]*))[ \t]*(?=[;,]|$)""",
    re.ASCII,
)
_NODE = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<v4>[0-9.]{7,15}))(?::[0-9]{1,5})?|(?P<bare>[0-9A-Fa-f:.]{2,45})", re.ASCII
)


def is_within(address: IPAddress | None, networks: Sequence[IPNetwork]) -> bool:
    """True for an address that lies in one of the networks; nobody knows where an unknown one lies."""
    return address is not None and any(address in network for network in networks)


def read_address(text: str | None) -> IPAddress | None:
    """Return an address as it is compared with networks: without a zone, and IPv4 within IPv6 as what it is."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def sender_of(
    peer: str | None, headers: Sequence[tuple[bytes, bytes]], proxies: Sequence[IPNetwork]
) -> IPAddress | None:
    """Return the address that a request was sent from; None when that cannot be known.

    Headers are looked at only when the peer is one of our proxies. Where both kinds are present they must lead to the
    same address: one of them is the proxies', and the other may be the sender's own.
    """
    near = read_address(peer)
    if near is None or not is_within(near, proxies):
        return near
    found = {
        _furthest(near, values, read, proxies)
        for name, read in ((_FORWARDED, _forwarded), (_X_FORWARDED_FOR, _x_forwarded_for))
        if (values := [value for raw, value in headers if raw.lower() == name])
    }
    if not found:
        return near
    return found.pop() if len(found) == 1 else None


def _furthest(
    near: IPAddress, values: Sequence[bytes], read: Callable[[str], Iterator[str | None]], proxies: Sequence[IPNetwork]
) -> IPAddress | None:
    """Go from right to left while the addresses are proxies of ours."""
    sender: IPAddress | None = near
    for node in reversed([*read(b",".join(values).decode("latin-1"))]):
        sender = _address_of(node)
        if not is_within(sender, proxies):
            break
    return sender


def _address_of(node: str | None) -> IPAddress | None:
    match = _NODE.fullmatch(node) if node is not None else None
    return read_address(match["v6"] or match["v4"] or match["bare"]) if match is not None else None


def _x_forwarded_for(value: str) -> Iterator[str | None]:
    for node in value.split(","):
        if node := node.strip(" \t"):
            yield node


def _forwarded(value: str) -> Iterator[str | None]:
    """Yield the `for` of each element; None for one without, and for the rest from what nobody can read on."""
    position, node, is_empty = 0, None, True
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is None and value[position] not in ",; \t":
            yield None
            return
        if match is not None:
            is_empty = False
            if match["name"].lower() == "for":
                quoted = match["quoted"]
                node = match["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = match.end()
        elif value[position] in "; \t":
            position += 1
        if position < len(value) and value[position] == ",":
            if not is_empty:
                yield node
            position, node, is_empty = position + 1, None, True
    if not is_empty:
        yield node
