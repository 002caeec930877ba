"""Who may send callbacks at all, and how many of them may come that prove nothing."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from kling_daemon.tracking.callbacks import Callback
from kling_daemon.tracking.rate_limit import RateLimit
from kling_daemon.tracking.senders import IPNetwork, is_within, sender_of

_SITE = 64
"""How many bits of an IPv6 address say whose it is; the rest, its owner chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """The operator's choices."""

    allowed: Sequence[IPNetwork] = ()
    """Where callbacks may come from; from anywhere if it is empty."""
    proxies: Sequence[IPNetwork] = ()
    """Who is believed when they say whom a request came from."""
    unproved_each: float = 600.0
    """How many callbacks that prove nothing may come from one address in a minute."""
    unproved_together: float = 3000.0
    """The same, from all addresses together."""


class Admission:
    """Applies the rules, which may change while it is at work."""

    def __init__(self, rules: AdmissionRules, *, seconds: Callable[[], float] = time.monotonic) -> None:
        """Take the rules, and a clock that is never set."""
        self._rules = rules
        self._limit = RateLimit(each=rules.unproved_each, together=rules.unproved_together, seconds=seconds)

    def rule_by(self, rules: AdmissionRules) -> None:
        """Go by other rules from now on; what was used up of the limits stays used up."""
        self._rules = rules
        self._limit.allow(each=rules.unproved_each, together=rules.unproved_together)

    def bars(self, peer: str | None, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """True for a request from where none may come; from an unknown address none may, if not all may."""
        rules = self._rules
        return bool(rules.allowed) and not is_within(sender_of(peer, headers, rules.proxies), rules.allowed)

    def wait(self, callback: Callback) -> int | None:
        """Let a callback pass that proves nothing, or return the seconds after which its sender may try again."""
        return self._limit.wait(self._owner(callback))

    def _owner(self, callback: Callback) -> Hashable:
        """Return what stands for the sender in the limits: an IPv4 address, an IPv6 network; the peer's, if unknown."""
        address = sender_of(callback.peer, callback.headers, self._rules.proxies)
        if isinstance(address, IPv6Address):
            return IPv6Network((address, _SITE), strict=False)
        return address or callback.peer
