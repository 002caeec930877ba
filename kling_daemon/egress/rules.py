"""What `[egress]` allows: schemes, host names, and the addresses that are connected to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from yarl import URL

from kling_daemon.egress.own import is_own
from kling_daemon.egress.ranges import METADATA, Address, Network, carried_by, what_is
from kling_daemon.egress.urls import host_of
from kling_daemon.http_client import HttpRefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Asked about each URL, redirects included, and then about each address before it is connected to."""

    allow_http: bool = False
    hosts: tuple[str, ...] = ()
    """The hosts that may be asked: names in ASCII and lower case, `*.` before one for all below it, addresses.

    Empty: all.
    """
    networks: tuple[Network, ...] = ()
    """What is allowed although it is not public."""
    own: Callable[[Address], bool] = is_own
    """Tells whether an address is this machine's: what its firewall hides from others, it may show to itself."""

    def admit(self, url: URL) -> None:
        """Return when the URL may be asked, as far as it tells by itself; else raise HttpRefusedError."""
        if url.scheme not in ("http", "https"):
            raise HttpRefusedError(f"only https addresses can be asked, not {url.scheme or 'relative'} ones")
        host = host_of(url)
        if self.hosts and not self._names(str(host)):
            raise HttpRefusedError(f"{host} is not among the [egress] hosts")
        if not isinstance(host, str) and (objection := self.objection(host)) is not None:
            raise HttpRefusedError(f"{host} is {objection}")
        # Last: who reads that http would have to be allowed shall not learn only then that it would not do.
        if url.scheme == "http" and not self.allow_http:
            raise HttpRefusedError(f"{host}: plain http is refused; [egress] allow_http = true would allow it")

    def objection(self, address: Address) -> str | None:
        """Say what an address is that must not be connected to, and what would allow it; None for one that may be.

        One that carries another inside, as a NAT64 address does, is allowed only if both are.
        """
        if getattr(address, "scope_id", None) is not None:
            return "an address with a zone, which is never allowed"
        closed = [
            reached
            for reached in (*carried_by(address), address)
            if what_is(reached) is not None and not self._opens(reached)
        ]
        if closed:
            inside = "" if closed[0] == address else f"an address that carries {closed[0]}, "
            return f"{inside}{what_is(closed[0])}{_remedy(closed)}"
        if not self._opens(address) and self.own(address):
            return f"an address of this machine itself{_remedy([address])}"
        return None

    def _names(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        return any(host.endswith(named[1:]) if named.startswith("*.") else host == named for named in self.hosts)

    def _opens(self, address: Address) -> bool:
        # Whoever opens a whole network means the machines in it, not the credentials of this one.
        if address in METADATA:
            return ip_network(address) in self.networks
        return any(address in network for network in self.networks)


def _remedy(closed: Sequence[Address]) -> str:
    """Say what would open them; nothing where clouds hand out credentials, lest somebody do it without a thought."""
    if not METADATA.isdisjoint(closed):
        return ""
    networks = ", ".join(f'"{ip_network(address)}"' for address in closed)
    return f"; [egress] networks = [{networks}] would allow it"
