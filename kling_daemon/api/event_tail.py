"""The latest events, read and written as text once for all who listen to a stream."""

import asyncio
import bisect
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from kling_daemon.api.cursors import to_cursor
from kling_daemon.bus import Bus
from kling_daemon.events import EventType, JobEvent
from kling_daemon.fast_init import fast_init
from kling_daemon.store import EventPages, StoreUnavailableError

log = structlog.get_logger(__name__)

SIZE = 1024
"""How many events are kept at most."""
MAX_BYTES = 4 * 1024**2
"""How much text is kept at most; one event is kept whatever its size."""
RECHECK = timedelta(seconds=2)
"""How long a lost ring of the bus can go unnoticed."""
PAUSE = timedelta(milliseconds=50)
"""The least time between two looks into the store: what comes meanwhile is read, and told, together."""

_PART = 64
"""How many events are read and written as text at a time, between which others have their turn."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An event as all of its listeners are sent it."""

    seq: int
    type: str
    job_id: str
    data: bytes = field(repr=False)


def frame_of(seq: int, event: JobEvent) -> Frame:
    """Write an event as text, as the HTML standard describes it for event streams."""
    cursor = to_cursor(seq)
    text = json.dumps(event.as_json() | {"cursor": cursor})  # ASCII on one line, whatever the words in it
    data = f"id: {cursor}\nevent: {event.type}\ndata: {text}\n\n".encode()
    return Frame(seq=seq, type=event.type.value, job_id=event.job_id, data=data)


class EventTail:
    """Keeps the text of the latest events while anybody listens; nothing at all while nobody does.

    The bus rings, this reads what is new from the store, and then wakes the listeners. Whoever is further behind than
    what is kept here reads the store for himself, so nothing depends on what is kept; what is kept is bounded.
    """

    def __init__(
        self,
        pages: EventPages,
        bus: Bus,
        *,
        size: int = SIZE,
        max_bytes: int = MAX_BYTES,
        recheck: timedelta = RECHECK,
        pause: timedelta = PAUSE,
    ) -> None:
        """Take what is read, what tells when it is worth reading, and how much is kept."""
        self.closed = False
        """True once listeners are to be sent home."""
        self.listeners = 0
        """How many listen now."""
        self.floor = 0
        """The number of the event before the first that is kept."""
        self.head = 0
        """The number of the last event that is kept, or was."""
        self._pages = pages
        self._bus = bus
        self._size = size
        self._max_bytes = max_bytes
        self._recheck = recheck.total_seconds()
        self._pause = pause.total_seconds()
        self._frames: list[Frame] = []
        self._bytes = 0
        self._bell = asyncio.Event()
        self._grown = asyncio.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have events kept for as long as the context lasts."""
        self.listeners += 1
        self._bell.set()
        try:
            yield
        finally:
            self.listeners -= 1
            if not self.listeners:
                self._cut(self.head)

    def after(self, seq: int) -> Sequence[Frame] | None:
        """Return the events after a number, as far as they were read; None when some of them are not kept any more."""
        if seq < self.floor:
            return None
        return self._frames[bisect.bisect_right(self._frames, seq, key=lambda frame: frame.seq) :]

    async def wait(self, seq: int, seconds: float) -> None:
        """Return when there may be events after a number, when the time is over, or when listeners are sent home."""
        if self.head <= seq and not self.closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._grown.wait()

    async def run(self) -> None:
        """Read on whenever the bell rings, until it is closed."""
        with self._bus.bell(tuple(EventType), self._ring):
            while not self.closed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._recheck if self.listeners else None):
                        await self._bell.wait()
                self._bell.clear()
                if self.listeners and not self.closed:
                    await self.step()
                    await asyncio.sleep(self._pause)

    async def step(self) -> None:
        """Read what is new and wake the listeners; what cannot be read now is read when the bell rings again."""
        try:
            latest = await self._pages.latest()
            if latest - self.head > self._size:
                # So much came while nobody listened: who wants it reads the store.
                self.head = latest - self._size // 4
                self._cut(self.head)
            while self.head < latest and not self.closed:
                rows = await self._pages.rising(limit=_PART, after=self.head)
                for seq, event in rows:
                    self._add(frame_of(seq, event))
                if not rows:
                    self.head = latest
                self._wake()
        except StoreUnavailableError as error:
            log.warning("events cannot be read for streams", reason=str(error))

    def close(self) -> None:
        """Send all listeners home."""
        self.closed = True
        self._bell.set()
        self._wake()

    def stop(self) -> None:
        """Do as `close` does: it is one of the daemon's loops."""
        self.close()

    def _ring(self) -> None:
        if self.listeners:
            self._bell.set()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.data)
        self.head = frame.seq
        while len(self._frames) > self._size or (self._bytes > self._max_bytes and len(self._frames) > 1):
            gone = self._frames.pop(0)
            self._bytes -= len(gone.data)
            self.floor = gone.seq

    def _cut(self, seq: int) -> None:
        """Keep nothing up to a number, and nothing after it yet."""
        self._frames.clear()
        self._bytes = 0
        self.floor = seq
