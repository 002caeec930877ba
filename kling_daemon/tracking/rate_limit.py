"""How many requests that prove nothing are let pass in a minute, from one address and in all."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_ADDRESSES = 4096
"""How many addresses are told apart; the one that was heard of least recently is forgotten for the next."""

LEAST_WAIT = 5
"""Seconds that who is sent away is asked to wait at least."""


class _Bucket:
    """What is left of an allowance that fills up again with time."""

    __slots__ = ("left", "seen")

    def __init__(self, per_minute: float, now: float) -> None:
        self.left = _capacity(per_minute)
        self.seen = now

    def refill(self, per_minute: float, now: float) -> None:
        """Put in what has come since it was seen last."""
        self.left = min(_capacity(per_minute), self.left + (now - self.seen) * per_minute / 60)
        self.seen = now

    def wait(self, per_minute: float) -> int:
        """Return how many seconds from now the next one may come."""
        return max(LEAST_WAIT, math.ceil((1 - self.left) * 60 / per_minute))


def _capacity(per_minute: float) -> float:
    """Return a minute's worth; but one, where that is less, or none would ever be let pass."""
    return max(per_minute, 1.0)


class RateLimit:
    """Two allowances, each a minute's worth at a time: every address's own, and that of all together.

    An address that has used up its own takes none of that of all. Many addresses can use that up; then no stranger at
    all is let pass until it fills again. What proves itself is never asked for here.
    """

    def __init__(self, *, each: float, together: float, seconds: Callable[[], float] = time.monotonic) -> None:
        """Take how many requests may pass in a minute, and a clock that is never set."""
        self._each = each
        self._together = together
        self._seconds = seconds
        self._all = _Bucket(together, seconds())
        self._known: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def allow(self, *, each: float, together: float) -> None:
        """Go by other limits from now on."""
        self._each, self._together = each, together

    def __len__(self) -> int:
        return len(self._known)

    def wait(self, address: Hashable) -> int | None:
        """Let a request from an address pass and return None; else return the seconds after which to try again."""
        now = self._seconds()
        own = self._known.get(address)
        if own is None:
            if len(self._known) >= MOST_ADDRESSES:
                self._known.popitem(last=False)
            own = self._known[address] = _Bucket(self._each, now)
        self._known.move_to_end(address)
        own.refill(self._each, now)
        if own.left < 1:
            return own.wait(self._each)
        self._all.refill(self._together, now)
        if self._all.left < 1:
            return self._all.wait(self._together)
        own.left -= 1
        self._all.left -= 1
        return None
