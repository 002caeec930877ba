"""Counts the jobs that have been open for too long, and tells the operator of them."""

from collections.abc import Callable
from datetime import timedelta

from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.polling import open_since
from kling_daemon.store import Store
from kling_daemon.tracking import GrowingNotice, NoticeBoard

LOOK = timedelta(minutes=1)
"""How often they are counted."""


class OverdueWatch:
    """Looks for overdue jobs. It changes none: time alone never ends a job."""

    def __init__(
        self,
        store: Store,
        board: NoticeBoard,
        clock: Clock,
        *,
        after: timedelta,
        measure: Callable[[int], None],
        account: str = "default",
    ) -> None:
        """Take where jobs are and whom to tell. after: how long a job may be open. measure: told of the count."""
        self._store = store
        self._clock = clock
        self._after = after
        self._measure = measure
        self._notice = GrowingNotice(board, NoticeKind.JOBS_OVERDUE, account)

    async def look(self) -> None:
        """Count them once."""
        since = self._clock.now() - self._after
        count = await self._store.read.overdue_count(since)
        self._measure(count)
        longest = await self._store.read.longest_overdue(since) if count else None
        if longest is None:
            await self._notice.tell(0, "")
            return
        began = open_since(longest)
        jobs = "A job is" if count == 1 else f"{count} jobs are"
        await self._notice.tell(
            count,
            f"{jobs} overdue; the oldest, {longest.id}, has been {longest.state} since {began:%Y-%m-%d %H:%M} UTC. "
            f"`kling-daemon jobs list --overdue` shows them, `kling-daemon explain {longest.id}` tells why one waits. "
            "None is ended because of this; they are polled every hour.",
        )
