"""What happens next, and when: one heap of moments instead of a task per job."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import timedelta

from kling_daemon.clock import Clock
from kling_daemon.simulator.pending import Pending

Action = Callable[[], None]


class Timeline:
    """Actions in the order of their moments; equal moments keep the order in which they were planned."""

    def __init__(self, clock: Clock, pending: Pending) -> None:
        """Start with nothing planned; what is planned is pending until it was done."""
        self._clock = clock
        self._pending = pending
        self._heap: list[tuple[float, int, Action, bool]] = []
        self._order = itertools.count()
        self._bell = asyncio.Event()

    def now(self) -> float:
        """Return the moment that it is, in seconds of the monotonic clock."""
        return self._clock.monotonic()

    def after(self, delay: timedelta, action: Action) -> None:
        """Plan an action; it must be quick and must not raise."""
        self.at(self.now() + delay.total_seconds(), action)

    def at(self, moment: float, action: Action, *, is_awaited: bool = True) -> None:
        """Plan an action for a moment of the monotonic clock; one that has passed means at once.

        is_awaited: while it is to come, something is pending.
        """
        if is_awaited:
            self._pending.begin()
        heapq.heappush(self._heap, (moment, next(self._order), action, is_awaited))
        self._bell.set()

    def step(self) -> float | None:
        """Do all that is due by now; return the seconds until the next action, None when there is none."""
        now = self.now()
        while self._heap and self._heap[0][0] <= now:
            _, _, action, is_awaited = heapq.heappop(self._heap)
            action()
            if is_awaited:
                self._pending.end()
        return self._heap[0][0] - now if self._heap else None

    async def run(self) -> None:
        """Step whenever something is due, until cancelled."""
        while True:
            self._bell.clear()
            pause = self.step()
            try:
                async with asyncio.timeout(pause):
                    await self._bell.wait()
            except TimeoutError:
                continue
