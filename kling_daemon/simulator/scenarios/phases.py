"""Spans of time in which the simulated Kling behaves otherwise: an outage at noon, a bad minute in every hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One span, or a row of them, and the settings that hold meanwhile. All times count from the simulator's start."""

    begins: timedelta
    lasts: timedelta | None
    """None: until the simulator ends."""
    every: timedelta | None
    """It begins again each time so much has passed since it began; None: once only. Not shorter than it lasts."""
    changes: Mapping[str, Any]
    """Settings and their values, as SimulatorSettings has them."""

    def holds(self, elapsed: timedelta) -> bool:
        """True when it lasts at this moment. Its first moment belongs to it, the one at which it ends does not."""
        since = elapsed - self.begins
        if since < timedelta(0):
            return False
        if self.every is not None:
            since %= self.every
        return self.lasts is None or since < self.lasts

    def next_edge(self, elapsed: timedelta) -> timedelta | None:
        """Return the first moment after this one at which it begins or ends; None when nothing is to come."""
        if elapsed < self.begins:
            return self.begins
        if self.lasts is None:
            return None
        start = self.begins
        if self.every is not None:
            start += (elapsed - self.begins) // self.every * self.every
        end = start + self.lasts
        if elapsed < end:
            return end
        return None if self.every is None else start + self.every
