"""Whether an address is one of this machine's own, on whichever of its network cards."""

import socket
from ipaddress import IPv4Address, IPv6Address

from kling_daemon.egress.ranges import Address

_NOBODYS: dict[int, Address] = {4: IPv4Address("203.0.113.1"), 6: IPv6Address("2001:db8::1")}
"""For documentation, so hardly a machine has it."""


def is_own(address: Address) -> bool:
    """True when connections to it end at this machine, also at what its firewall hides from others.

    It asks the system whether a socket may be bound there, and sends nothing. Where a socket may be bound anywhere
    (`net.ipv4.ip_nonlocal_bind`), nothing can be told: False.
    """
    return _can_bind(address) and not _can_bind(_NOBODYS[address.version])


def _can_bind(address: Address) -> bool:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
