"""Keeps the latest events in memory, so that a lane that claims at once need not read them back."""

from collections import OrderedDict

from kling_daemon.events import JobEvent

SIZE = 2048


class EventCache:
    """The last events by row number. What is not here is read from the database; nothing depends on it.

    An event whose transaction failed may be here too; its number is never used again, so nobody asks for it.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._events: OrderedDict[int, JobEvent] = OrderedDict()

    def put(self, seq: int, event: JobEvent) -> None:
        """Keep an event and forget the oldest beyond the limit."""
        self._events[seq] = event
        if len(self._events) > SIZE:
            self._events.popitem(last=False)

    def get(self, seq: int) -> JobEvent | None:
        """Return a kept event."""
        return self._events.get(seq)
