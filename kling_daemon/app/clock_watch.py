"""Watches the wall clock against the one that never jumps, and puts due times right when it was set back."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from kling_daemon.clock import Clock
from kling_daemon.store import SetBack, Store, Waiting

LOOK = timedelta(seconds=10)
"""How often the clocks are compared."""
JUMP = timedelta(seconds=5)
"""By how much the wall clock differs at the least; less is a clock that is put right little by little."""

log = structlog.get_logger(__name__)


class ClockWatch:
    """Notices a jump.

    A clock that is set forward, as after a suspended machine wakes up, makes things due too early, which does no harm:
    an attempt or a poll comes sooner. One that is set back would have them wait by as much too long.
    """

    def __init__(self, store: Store, clock: Clock, *, last_written: datetime | None = None) -> None:
        """Take what to put right. last_written: when an earlier run wrote last, by the wall clock of that time."""
        self._store = store
        self._clock = clock
        self._seen = self._difference()
        self._todo: list[SetBack] = []
        self._changed: Counter[str] = Counter()
        if last_written is not None and last_written - clock.now() >= JUMP:
            # What passed while nobody ran comes off: then things wait for as long as they had to when that began.
            self._set_back(last_written - clock.now())

    async def step(self) -> timedelta:
        """Look at the clocks, or put a few due times right; return how long to wait for the next step."""
        self._look()
        if not self._todo:
            return LOOK
        unit = self._todo[0]
        done = await self._store.bring_forward(unit)
        self._changed[unit.waiting.value] += done.changed
        if done.after is not None:
            self._todo[0] = replace(unit, after=done.after)
            return timedelta(0)
        del self._todo[0]
        if self._todo:
            return timedelta(0)
        log.warning("due times were put right", **self._changed)
        self._changed.clear()
        return LOOK

    def _look(self) -> None:
        difference = self._difference()
        jump = difference - self._seen
        self._seen = difference
        if jump >= JUMP:
            log.info("the wall clock was set forward", seconds=jump.total_seconds())
        elif -jump >= JUMP:
            self._set_back(-jump)

    def _set_back(self, by: timedelta) -> None:
        log.warning("the wall clock was set back", seconds=by.total_seconds())
        self._todo += [SetBack(waiting=waiting, by=by) for waiting in Waiting]

    def _difference(self) -> timedelta:
        return timedelta(milliseconds=self._clock.now().timestamp() * 1000 - self._clock.monotonic() * 1000)
