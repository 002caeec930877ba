"""Reads events in parts, forwards or backwards, from any place in their order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from kling_daemon.clock import to_millis
from kling_daemon.events import EventType, JobEvent
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.queries import Queries
from kling_daemon.store.rows import event_from_row

_BEYOND = 2**62
_FAILURES = frozenset[str]([EventType.FAILED])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; by default all."""

    job_id: str | None = None
    types: frozenset[str] | None = None

    def takes(self, event_type: str, job_id: str) -> bool:
        """Return whether an event is asked for."""
        return (self.types is None or event_type in self.types) and self.job_id in (None, job_id)


ALL_EVENTS = EventFilter()


class EventPages:
    """Parts of the list of all events, which are numbered in the order in which they were committed.

    A number is that event's for ever: none is given twice and none that appears later is lower, so that whoever goes on
    after the last number read misses nothing. Each part is one short statement that looks at few rows more than it
    answers, whichever filter there is. Every method raises StoreUnavailableError when SQLite cannot answer.
    """

    def __init__(self, connection: ReaderConnection) -> None:
        """Take a read-only connection whose rows have names."""
        self._queries = Queries(connection, "event_pages")

    async def latest(self) -> int:
        """Return the number of the latest event; 0 when there is none."""
        (row,) = await self._queries.all("latest")
        return int(row["seq"])

    async def rising(
        self, wanted: EventFilter = ALL_EVENTS, *, limit: int, after: int = 0, before: int | None = None
    ) -> list[tuple[int, JobEvent]]:
        """Return the first events between two numbers, both exclusive, with their numbers."""
        return await self._page("rising", wanted, limit, after, before)

    async def falling(
        self, wanted: EventFilter = ALL_EVENTS, *, limit: int, after: int = 0, before: int | None = None
    ) -> list[tuple[int, JobEvent]]:
        """Return the last events between two numbers, both exclusive, the latest first."""
        return await self._page("falling", wanted, limit, after, before)

    async def before(self, moment: datetime) -> int:
        """Return the number of the last event that happened before a moment; 0 when there is none.

        Looks at as many events as their number has binary digits. Where the wall clock was set back, the order of
        events is not that of their times, and one of the places where they cross the moment is found.
        """
        low, high, millis = 0, await self.latest(), to_millis(moment)
        while low < high:
            middle = (low + high) // 2
            rows = await self._queries.all("next_of", (middle,))
            if not rows or rows[0]["seq"] > high or rows[0]["occurred_at"] >= millis:
                high = middle
            else:
                low = rows[0]["seq"]
        return low

    async def _page(
        self, order: str, wanted: EventFilter, limit: int, after: int, before: int | None
    ) -> list[tuple[int, JobEvent]]:
        parameters = {
            "after": after,
            "before": _BEYOND if before is None else before,
            "types": _types_text(wanted.types),
            "limit": limit,
            "job": wanted.job_id,
        }
        if wanted.job_id is not None:
            rows = await self._queries.all("of_job", parameters)
            rows = (rows if order == "rising" else rows[::-1])[:limit]
        elif wanted.types == _FAILURES:
            rows = await self._queries.all(f"failures_{order}", parameters)
        else:
            rows = await self._queries.all(order, parameters)
        return [event_from_row(row) for row in rows]


def _types_text(types: Collection[str] | None) -> str | None:
    return None if types is None else to_json_text(sorted(types))
