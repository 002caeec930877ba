"""Removes what is older than the operator wants to keep, in small batches, so that receipt does not wait."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from kling_daemon.store import OldRows, Store, Sweep

FIRST = timedelta(minutes=1)
"""When the first round begins: a start has other things to do."""
BETWEEN_ROUNDS = timedelta(hours=6)
BETWEEN_BATCHES = timedelta(milliseconds=50)
TROUBLED = timedelta(minutes=5)
"""The pause while the store fails."""

log = structlog.get_logger(__name__)


class Retention:
    """Removes old rows, a batch at each step; after a crash within a round the next one finds the same rows."""

    def __init__(self, store: Store, *, keep: timedelta, count: Callable[[str, int], None]) -> None:
        """Take for how long ended jobs are kept, and what counts removed rows, told of their kind and number."""
        self._store = store
        self._keep = keep
        self._count = count
        self._sweeps: list[Sweep] = []
        self._removed: Counter[str] = Counter()

    async def step(self) -> timedelta:
        """Remove one batch, and return how long to wait for the next, which is long at the end of a round."""
        if not self._sweeps:
            self._sweeps = [Sweep(rows=rows, keep=self._keep) for rows in OldRows]
        sweep = self._sweeps[0]
        swept = await self._store.sweep(sweep)
        self._removed[sweep.rows.value] += swept.changed
        if swept.after is not None:
            self._sweeps[0] = replace(sweep, after=swept.after)
            return BETWEEN_BATCHES
        del self._sweeps[0]
        if self._sweeps:
            return BETWEEN_BATCHES
        self._tell()
        return BETWEEN_ROUNDS

    def _tell(self) -> None:
        """Say what the round has removed, if anything."""
        removed = {rows: number for rows, number in self._removed.items() if number}
        self._removed.clear()
        for rows, number in removed.items():
            self._count(rows, number)
        if removed:
            log.info("old rows removed", **removed)
