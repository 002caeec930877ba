"""Limits connections: sends away those that dawdle, when their time is over or others need the room.

A thousand connections that bring a byte now and then cost their owner nothing. Here they cost us little: each one is
looked at twice a second, and nothing of this is done per request.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from kling_daemon.listening.timeouts import Stage, Timeouts
from kling_daemon.telemetry import Rarely

log = structlog.get_logger(__name__)

MOST = 4096
"""How many connections a listener has unless it is told otherwise."""

Standing = tuple[Stage, int, int]
"""What a connection is at, how many requests it has brought, and a number that changes as bytes come or are taken."""

SPARED = 0.25
"""For how many seconds whoever came need not go for others: what he brings may be on its way, or TLS be agreed on."""

_ARRIVED: Standing = (Stage.HEAD, 0, 0)


class Connection(Protocol):
    """What the limiter wants of a connection."""

    def standing(self) -> Standing:
        """Return what it is at; cheap."""
        ...

    def send_away(self) -> None:
        """Close it at once; what it has not taken yet is dropped."""
        ...


class _Guest:
    """A connection, and since when it has stood as it was seen to stand last."""

    __slots__ = ("connection", "since", "standing")

    def __init__(self, connection: Connection, since: float) -> None:
        self.connection = connection
        self.since = since
        self.standing = _ARRIVED


class ConnectionLimiter:
    """Keeps the book of one listener's connections: how many there are, and how long each has been at what it is at."""

    def __init__(
        self, timeouts: Timeouts, *, most: int = MOST, on_sent_away: Callable[[str], None] = lambda _why: None
    ) -> None:
        """Take the limits. on_sent_away: is told why: `slow`, `full`, or `refused` for one that was not let in."""
        self._timeouts = timeouts
        self._most = most
        self._on_sent_away = on_sent_away
        self._guests: dict[Connection, _Guest] = {}
        # Who may have to go if there is no room, the first one first, as of the last look.
        self._incomplete: deque[_Guest] = deque()
        self._idle: deque[_Guest] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self._failures: defaultdict[tuple[int | None, str], Rarely] = defaultdict(Rarely)
        self.is_leaving = False
        """True once it lets nobody in any more, and each connection's next answer is its last."""

    def open(self) -> None:
        """Look after the connections from now on, in the running loop, until `close`."""
        loop = asyncio.get_running_loop()
        self._looked = loop.time()
        self._timer = loop.call_later(self._timeouts.look, self._look, loop)

    def close(self) -> None:
        """Look after none any more."""
        if self._timer is not None:
            self._timer.cancel()

    def __len__(self) -> int:
        return len(self._guests)

    @property
    def is_waited_for(self) -> bool:
        """True while the body of a request has begun to come, and is not complete."""
        return any(guest.connection.standing()[0] is Stage.BODY for guest in self._guests.values())

    def admit(self, connection: Connection, now: float) -> bool:
        """Note a connection that was accepted; False when there is no room, not even by sending another away."""
        if len(self._guests) >= self._most and not self.make_room(now):
            self._on_sent_away("refused")
            return False
        guest = self._guests[connection] = _Guest(connection, now)
        self._incomplete.append(guest)
        return True

    def is_crowded(self, now: float) -> bool:
        """True while nobody else should be accepted: there is no room, and who could make some came only just now.

        Else a crowd that comes at one blow would send away true senders among it before a byte of theirs is read.
        """
        if len(self._guests) < self._most or self._first_to_go(now - SPARED) is not None:
            return False
        return self._first_to_go(now) is not None

    @property
    def at_a_time(self) -> int:
        """How many more may be accepted before the first of them is let in: so few that they need no other's files."""
        return max(1, self._most // 16)

    def forget(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        self._guests.pop(connection, None)

    def note_failure(self, status: int | None, kind: str) -> None:
        """Log that a connection ended badly, but not for each of very many. kind: one of few words."""
        if (unsaid := self._failures[status, kind].due()) is not None:
            log.info("connection failed", status=status, kind=kind, passed_over=unsaid)

    def make_room(self, now: float) -> bool:
        """Send away who has brought no complete request for the longest time, else who has been idle for longest.

        False when there is nobody to send away. Whoever came only just now goes if nobody else can.
        """
        guest = self._first_to_go(now - SPARED) or self._first_to_go(now)
        if guest is None:
            return False
        self._send_away(guest, "full")
        return True

    def _first_to_go(self, latest: float) -> _Guest | None:
        """Return who would have to go first of those who have been at what they are at since `latest` or longer.

        Who is not at that any more leaves the queue until the next look: a flood of connections costs no search each.
        """
        for queue, stages in ((self._incomplete, (Stage.HEAD, Stage.BODY)), (self._idle, (Stage.IDLE,))):
            while queue:
                guest = queue[0]
                if guest.connection not in self._guests or guest.connection.standing()[0] not in stages:
                    queue.popleft()
                elif guest.since <= latest:
                    return guest
                else:
                    break
        return None

    def _send_away(self, guest: _Guest, why: str) -> None:
        self.forget(guest.connection)
        self._on_sent_away(why)
        guest.connection.send_away()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at each connection; what it is at now it is taken to have begun right after the look before."""
        now, before = loop.time(), self._looked
        self._looked = now
        self._timer = loop.call_at(now + self._timeouts.look, self._look, loop)
        limits = {stage: self._timeouts.of(stage) for stage in Stage}
        staying: dict[Stage, list[_Guest]] = {stage: [] for stage in Stage}
        for guest in list(self._guests.values()):
            standing = stage, requests, _ = guest.connection.standing()
            if self._timeouts.whole:
                standing = (stage, requests, 0)
            if standing != guest.standing:
                guest.standing, guest.since = standing, before
            limit = limits[stage]
            if limit is not None and now + self._timeouts.look > guest.since + limit:
                self._send_away(guest, "slow")
            else:
                staying[stage].append(guest)
        self._incomplete = _by_age([*staying[Stage.HEAD], *staying[Stage.BODY]])
        self._idle = _by_age(staying[Stage.IDLE])


def _by_age(guests: Iterable[_Guest]) -> deque[_Guest]:
    return deque(sorted(guests, key=lambda guest: guest.since))
