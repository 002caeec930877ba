"""Streams of events: server-sent events that go on where a listener left off, and never wait for one that stalls."""

import asyncio
import resource
from collections.abc import Iterable, Sequence
from datetime import timedelta
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from kling_daemon.api.cursors import from_cursor, to_cursor
from kling_daemon.api.event_tail import EventTail, Frame, frame_of
from kling_daemon.api.problems import ProblemError, bad_request
from kling_daemon.store import EventFilter, EventPages, StoreUnavailableError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"

RETRY = timedelta(seconds=1)
"""After how long a listener whose stream has ended is asked to come back."""
HEARTBEAT = timedelta(seconds=15)
"""How often something is sent at least, so that both ends notice when the other one is gone."""
WRITE_WITHIN = timedelta(seconds=10)
"""How long a listener may take nothing before it is cut off; it can come back and has missed nothing."""
UNACKNOWLEDGED = timedelta(seconds=30)
"""After how long the kernel gives up a connection whose other end acknowledges nothing, not even a heartbeat."""
MAX_LISTENERS = 4096

_PART = 25
"""How many events one listener who is behind holds in memory, besides what its connection buffers."""
_READERS = 2
"""How many of those who are behind may read the store at a time, so that the others who read it need not wait long."""
_CHUNK = 32 * 1024
"""How many bytes are written at once, unless one event has more."""
_LONGEST_SLEEP = 5.0
"""Seconds after which a listener that waits for events is looked after: it may have hung up."""
_UNTOLD = 1000
"""After how many events that a filter has kept back a listener is told where it stands."""


def wants_stream(request: web.Request) -> bool:
    """Return whether a request asks for a stream and not for a list."""
    ranges = ",".join(request.headers.getall("Accept", [])).split(",")
    return request.method == "GET" and any(text.partition(";")[0].strip().lower() == MEDIA_TYPE for text in ranges)


class EventStreams:
    """What all streams share."""

    def __init__(
        self, pages: EventPages, tail: EventTail, *, write_within: timedelta = WRITE_WITHIN, most: int = MAX_LISTENERS
    ) -> None:
        """Take where events are read that are older than the tail's.

        write_within: how long a listener may take nothing before it is cut off. most: how many listeners there may be.
        """
        self._pages = pages
        self._tail = tail
        self._write_within = write_within.total_seconds()
        self._reading = asyncio.Semaphore(_READERS)
        # Half of the files that may be open at most: the receiver's callers need connections too.
        self._most = min(most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def close(self) -> None:
        """End all streams."""
        self._tail.close()

    async def position(self, request: web.Request, cursor: int | None, since: int | None) -> int:
        """Return after which event a stream begins: the last one that was got, a cursor, a moment's, or the latest.

        A ProblemError of 409 for a place that is not reached yet: what came there was lost with a newer database.
        """
        places = request.headers.getall(LAST_EVENT_ID, [])
        if len(places) > 1:
            raise bad_request(f"{LAST_EVENT_ID} is given more than once")
        latest = await self._pages.latest()
        if places:
            try:
                after = from_cursor(places[0])
            except ValueError as error:
                raise bad_request(f"{LAST_EVENT_ID} {error}") from None
        elif cursor is not None:
            after = cursor
        else:
            return latest if since is None else since
        if after > latest:
            detail = (
                "this place is behind the latest event, as after the database was replaced by an older copy; "
                "begin again without it"
            )
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        return after

    async def serve(self, request: web.Request, wanted: EventFilter, after: int) -> web.StreamResponse:
        """Send events from a place on, until the listener hangs up or stalls or the daemon stops."""
        if self._tail.listeners >= self._most:
            detail = "there are as many listeners as the daemon takes"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"})
        if request.transport is None:
            raise ConnectionResetError("it has hung up before anything was sent")
        response = EventSourceResponse(
            ping_interval=HEARTBEAT.total_seconds(), send_timeout=UNACKNOWLEDGED.total_seconds(), sep="\n"
        )
        with self._tail.listening():
            try:
                await response.prepare(request)
                async with response:
                    await self._send_all(request, response, wanted, after)
            except ConnectionError:
                pass  # it has hung up
            except TimeoutError:
                log.info("a listener that stalled was cut off")
                if request.transport is not None:
                    request.transport.abort()
            except StoreUnavailableError as error:
                log.warning("a stream ends early", reason=str(error))
        return response

    async def _send_all(
        self, request: web.Request, response: EventSourceResponse, wanted: EventFilter, after: int
    ) -> None:
        tail, told = self._tail, after
        # The place goes first, so that a listener which loses its connection before any event loses none.
        await self._write(response, f"retry: {RETRY // timedelta(milliseconds=1)}\n".encode() + _place(after))
        while not tail.closed and request.transport is not None:
            frames = tail.after(after)
            if frames is None:
                frames, after = await self._read(wanted, after)
            elif frames:
                after = frames[-1].seq
                frames = [frame for frame in frames if wanted.takes(frame.type, frame.job_id)]
            else:
                await tail.wait(after, _LONGEST_SLEEP)
            for chunk in _chunks(frames):
                await self._write(response, chunk)
            if frames:
                told = frames[-1].seq
            elif after - told > _UNTOLD:
                await self._write(response, _place(after))
                told = after

    async def _read(self, wanted: EventFilter, after: int) -> tuple[Sequence[Frame], int]:
        """Return what a listener that is behind is to be sent next, and up to where that is all."""
        floor = self._tail.floor
        async with self._reading:
            rows = await self._pages.rising(wanted, limit=_PART, after=after, before=floor + 1)
            frames = [frame_of(seq, event) for seq, event in rows]
        return frames, frames[-1].seq if len(frames) == _PART else max(floor, after)

    async def _write(self, response: EventSourceResponse, data: bytes) -> None:
        async with asyncio.timeout(self._write_within):
            await response.write(data)


def _place(seq: int) -> bytes:
    """Tell a listener its place without an event."""
    return f"id: {to_cursor(seq)}\n\n".encode()


def _chunks(frames: Iterable[Frame]) -> Iterable[bytes]:
    gathered: list[bytes] = []
    size = 0
    for frame in frames:
        if gathered and size + len(frame.data) > _CHUNK:
            yield b"".join(gathered)
            gathered, size = [], 0
        gathered.append(frame.data)
        size += len(frame.data)
    if gathered:
        yield b"".join(gathered)
