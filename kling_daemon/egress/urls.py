"""How a URL is read without changing a byte of its signature, and which spellings of a host are taken."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address

from yarl import URL

from kling_daemon.egress.ranges import Address
from kling_daemon.http_client import HttpRefusedError

_ENCODED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""A URL of these characters only (RFC 3986) is already percent-encoded."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII | re.IGNORECASE)
"""A host name as DNS can hold it, in ASCII; `yarl` has turned other letters and digits into that."""

_NUMBER = re.compile(r"(?:[^.]*\.)*(?:[0-9]+|0x[0-9a-f]*)\.*", re.ASCII | re.IGNORECASE)
"""A host that ends in a number is an address to whoever connects, however it is spelt (WHATWG URL 3.5)."""


def parse(text: str) -> URL:
    """Read a URL; raise HttpRefusedError when it is none.

    What is already percent-encoded stays as it is, byte for byte: some CDNs sign the encoded form.
    """
    try:
        url = URL(text, encoded=_ENCODED.fullmatch(text) is not None)
        url.port  # noqa: B018 - host and port are read, and checked, only when somebody asks
    except ValueError:
        raise HttpRefusedError("the address is not a valid URL") from None
    return url


def resolve(url: URL, location: str) -> URL:
    """Return where a redirect from a URL leads; raise HttpRefusedError when it is no URL."""
    try:
        return url.join(parse(location))
    except (HttpRefusedError, ValueError):
        raise HttpRefusedError(f"{url.raw_host} redirects to something that is not a valid URL") from None


def host_of(url: URL) -> str | Address:
    """Return the host that is connected to: a name in ASCII, as it stands, or an address.

    Raises HttpRefusedError when there is none, or when it is spelt so that programs disagree about what it is.
    """
    host = url.raw_host
    if not host:
        raise HttpRefusedError("an address without a host cannot be asked")
    if "%" in host and ":" in host:
        raise HttpRefusedError(f"{_shown(host)} is an address with a zone, which is never allowed")
    try:
        if ":" in host:
            return IPv6Address(host)
        if _NUMBER.fullmatch(host):
            return IPv4Address(host)
    except ValueError:
        meant = _meant_by(host)
        raise HttpRefusedError(f"{_shown(host)} is {meant}: addresses are taken in their plain form") from None
    if not _NAME.fullmatch(host):
        raise HttpRefusedError("the address has no valid host name")
    return host


def _meant_by(host: str) -> str:
    """Say what an odd spelling of an address means to the system."""
    try:
        return f"another spelling of {IPv4Address(socket.inet_aton(host.rstrip('.')))}"
    except (OSError, ValueError):
        return "not a valid address"


def _shown(host: str) -> str:
    """Return as much of a host as is harmless in a log or on a terminal."""
    return re.sub(r"[^0-9A-Za-z.:%_-]", "?", host[:80])
