"""How fast a handler's attempts may begin."""

from aiolimiter import AsyncLimiter


class Pace:
    """A rate limit that can be asked before something is claimed, since what is claimed must begin at once."""

    def __init__(self, per_second: float | None) -> None:
        """Allow that many beginnings a second, slower than one a second included; None for no limit."""
        self._limiter: AsyncLimiter | None = None
        if per_second is not None:
            # A bucket of one second's worth, or of one: it may begin with a burst of that size.
            self._limiter = AsyncLimiter(max(per_second, 1.0), max(per_second, 1.0) / per_second)
        self.pause = 1 / per_second if per_second is not None else 0.0
        """After how many seconds there is room for one more at the latest."""

    def room(self, wanted: int) -> int:
        """Return how many of the wanted beginnings may happen now."""
        if self._limiter is None:
            return wanted
        return next((many for many in range(wanted, 0, -1) if self._limiter.has_capacity(many)), 0)

    async def begin(self) -> None:
        """Count one beginning; returns at once where `room` said so."""
        if self._limiter is not None:
            await self._limiter.acquire()
