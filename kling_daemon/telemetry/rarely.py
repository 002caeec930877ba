"""Keeps what goes wrong a thousand times a second from filling the log."""

import time
from collections.abc import Callable

EVERY = 5.0
"""How many seconds lie at least between two lines that say the same."""


class Rarely:
    """One thing to say: the first time at once, then from time to time, with how often it was left unsaid."""

    def __init__(self, *, every: float = EVERY, now: Callable[[], float] = time.monotonic) -> None:
        """Take how many seconds it is not said again, and the clock that they are measured by."""
        self._every = every
        self._now = now
        self._quiet_until: float | None = None
        self._unsaid = 0

    def due(self) -> int | None:
        """Return how often it was left unsaid since it was said last, to be said now; None when it must not be."""
        now = self._now()
        if self._quiet_until is not None and now < self._quiet_until:
            self._unsaid += 1
            return None
        self._quiet_until = now + self._every
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid
