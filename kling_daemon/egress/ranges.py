"""Which addresses do not lead to the public internet, what people call them, and which others they carry inside.

From IANA's registries of special-purpose addresses (RFC 6890 and what it was extended by, read in 2026), and from what
clouds document. `ipaddress` alone does not do: its `is_global` is true for multicast, 6to4, NAT64, site-local and
IPv4-compatible addresses and for addresses that nobody has been given yet, and its answers differ between versions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _nothing(_: int) -> tuple[int, ...]:
    return ()


def _in_the_last_bits(address: int) -> tuple[int, ...]:
    return (address & 0xFFFF_FFFF,)


def _in_6to4(address: int) -> tuple[int, ...]:
    return (address >> 80 & 0xFFFF_FFFF,)


def _in_teredo(address: int) -> tuple[int, ...]:
    """Return the server's address and the client's, which is written inverted (RFC 4380)."""
    return (address >> 64 & 0xFFFF_FFFF, ~address & 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Addresses of one kind."""

    network: Network
    what: str
    inside: Callable[[int], tuple[int, ...]] = _nothing
    """Which IPv4 addresses one of them carries: what is sent to it may reach those."""


def _range(network: str, what: str, inside: Callable[[int], tuple[int, ...]] = _nothing) -> Range:
    return Range(network=ip_network(network), what=what, inside=inside)


_RANGES_4 = (
    _range("0.0.0.0/8", "an unspecified address"),
    _range("10.0.0.0/8", "a private address"),
    _range("100.64.0.0/10", "an address inside a provider's network (CGNAT)"),
    _range("127.0.0.0/8", "a loopback address"),
    _range("169.254.0.0/16", "a link-local address"),
    _range("172.16.0.0/12", "a private address"),
    _range("192.0.0.0/24", "an address for protocols"),
    _range("192.0.2.0/24", "an address for documentation"),
    _range("192.88.99.0/24", "an address of 6to4 relays"),
    _range("192.168.0.0/16", "a private address"),
    _range("198.18.0.0/15", "an address for benchmarks"),
    _range("198.51.100.0/24", "an address for documentation"),
    _range("203.0.113.0/24", "an address for documentation"),
    _range("224.0.0.0/4", "a multicast address"),
    _range("255.255.255.255/32", "the broadcast address"),
    _range("240.0.0.0/4", "a reserved address"),
)

_RANGES_6 = (
    _range("::/128", "an unspecified address"),
    _range("::1/128", "a loopback address"),
    _range("::/96", "an IPv4-compatible address", _in_the_last_bits),
    _range("::ffff:0:0/96", "an IPv4-mapped address", _in_the_last_bits),
    _range("::ffff:0:0:0/96", "an IPv4-translated address", _in_the_last_bits),
    _range("64:ff9b::/96", "a NAT64 address", _in_the_last_bits),
    _range("64:ff9b:1::/48", "a NAT64 address", _in_the_last_bits),
    _range("100::/64", "an address that discards"),
    _range("2001::/32", "a Teredo address", _in_teredo),
    _range("2001:2::/48", "an address for benchmarks"),
    _range("2001:db8::/32", "an address for documentation"),
    _range("2001::/23", "an address for protocols"),
    _range("2002::/16", "a 6to4 address", _in_6to4),
    _range("3fff::/20", "an address for documentation"),
    _range("5f00::/16", "an address for segment routing"),
    _range("fc00::/7", "a private address (ULA)"),
    _range("fe80::/10", "a link-local address"),
    _range("fec0::/10", "a site-local address"),
    _range("ff00::/8", "a multicast address"),
)
"""The narrower of two that overlap stands first."""

_UNICAST_6 = IPv6Network("2000::/3")
"""All that is given out of IPv6 to the public; what lies outside is reserved."""

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""This machine, for whoever has to open it: a test, a demo."""

METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure; a public address to all others
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # AWS, tasks of ECS
        "169.254.170.23",  # AWS, pods of EKS
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS, pods of EKS
        "fd20:ce::254",  # Google
        "fe80::a9fe:a9fe",  # link-local services of OpenStack
    )
)
"""Where clouds tell a machine about itself, and hand out its credentials."""


def what_is(address: Address) -> str | None:
    """Return what people call an address that is not public; None for one that is."""
    if address in METADATA:
        return "where clouds hand out credentials"
    special = _range_of(address)
    if special is not None:
        return special.what
    if isinstance(address, IPv6Address) and address not in _UNICAST_6:
        return "a reserved address"
    return None


def carried_by(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that what is sent to this one may reach."""
    special = _range_of(address)
    if special is not None:
        yield from map(IPv4Address, special.inside(int(address)))


def _range_of(address: Address) -> Range | None:
    ranges = _RANGES_4 if isinstance(address, IPv4Address) else _RANGES_6
    return next((special for special in ranges if address in special.network), None)
