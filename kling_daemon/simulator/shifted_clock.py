"""The simulated Kling's own clock, which may be off."""

from datetime import datetime, timedelta

from kling_daemon.clock import Clock


class ShiftedClock:
    """A clock that is ahead of another one, or behind it; seconds last as long as there."""

    def __init__(self, clock: Clock) -> None:
        """Start in step with the other clock."""
        self._clock = clock
        self.offset = timedelta(0)
        """How far it is ahead; negative when it is behind. May be changed at any time."""

    def now(self) -> datetime:
        """Return the time that this clock shows: aware, UTC."""
        return self._clock.now() + self.offset

    def monotonic(self) -> float:
        """Return the seconds of the other clock's monotonic side, which nobody can set."""
        return self._clock.monotonic()
