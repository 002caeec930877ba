"""Looks for results that Kling is about to delete while a handler has not got them, and tells the operator."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.store import Store, Undelivered, UndeliveredResults
from kling_daemon.tracking import GrowingNotice, NoticeBoard

LOOK = timedelta(hours=1)
"""How long after one round the next begins."""
AHEAD = timedelta(days=3)
"""How long before its results are gone an undelivered job is told of."""
PATIENCE = timedelta(hours=1)
"""What was made since then may simply be on its way; a dead delivery is not."""
NAMED = 5
"""How many jobs a notice names, those first whose results will be gone first."""
BETWEEN_PAGES = timedelta(milliseconds=50)


class ExpiryWatch:
    """Goes through what is undelivered: only that, a page at a time, however much there is besides."""

    def __init__(self, store: Store, board: NoticeBoard, clock: Clock) -> None:
        """Take where deliveries are, and whom to tell."""
        self._store = store
        self._board = board
        self._clock = clock
        self._notices: dict[str, GrowingNotice] = {}

    async def look(self) -> None:
        """Go round once: a notice for each handler that lacks results, earliest first; the others' are taken down."""
        now = self._clock.now()
        found: defaultdict[str, list[UndeliveredResults]] = defaultdict(list)
        for kind in Undelivered:
            after: int | None = 0
            while after is not None:
                page = await self._store.due.undelivered_results(
                    kind, after=after, made_before=now - PATIENCE, expiring_before=now + AHEAD
                )
                for results in page.results:
                    found[results.handler].append(results)
                after = page.after
                await asyncio.sleep(BETWEEN_PAGES.total_seconds())
        for handler in {*found, *self._notices, *await self._left_open()}:
            notice = self._notices.setdefault(handler, GrowingNotice(self._board, NoticeKind.RESULTS_EXPIRING, handler))
            lacking = sorted(found[handler], key=lambda results: results.expires_at)
            await notice.tell(len(lacking), _message(handler, lacking, now) if lacking else "")

    async def _left_open(self) -> set[str]:
        """Return the handlers that an earlier run has told of."""
        return set() if self._notices else await self._board.open_subjects(NoticeKind.RESULTS_EXPIRING)


def _message(handler: str, lacking: Sequence[UndeliveredResults], now: datetime) -> str:
    coming = [results for results in lacking if results.expires_at > now]
    jobs = "a completed job" if len(lacking) == 1 else f"{len(lacking)} completed jobs"
    named = ", ".join(f"{results.job_id} at {results.expires_at:%Y-%m-%d %H:%M}" for results in coming[:NAMED])
    gone = len(lacking) - len(coming)
    told = [
        f"The handler {handler} has not got {jobs} whose results Kling deletes within three days.",
        f"The first to go (UTC): {named}." if named else "",
        f"Those of {gone} are gone already." if gone else "",
        f"`kling-daemon deliveries list --handler {handler}` shows what waits or is dead.",
    ]
    return " ".join(filter(None, told))
