"""Standing claims: deliveries begun in the very transaction that makes them, where their lane has a place for them.

A lane that claims when the bell rings needs a second transaction after the one that made the deliveries; until that is
on disk its handler is not called. Most lanes are idle most of the time, and say so beforehand instead.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from kling_daemon.deliveries import Delivery
from kling_daemon.store.deliveries import Claim, DeliveryDesk
from kling_daemon.store.fanout import Fanout


class StandingClaim:
    """What a lane would take at any time, without asking for it each time."""

    def __init__(
        self, handler: str, *, lease: timedelta, room: Callable[[], int], take: Callable[[list[Delivery]], None]
    ) -> None:
        """Take the handler's name, how many deliveries it has room for now, and what to do with those it gets.

        Both are called on the event loop and must not raise. `take` is called once it is known whether the attempts
        are on disk: with no delivery if they are not.
        """
        self.handler = handler
        self.lease = lease
        self.room = room
        self.take = take
        self.promised = 0
        """How many deliveries have been begun for it whose transaction is not on disk yet."""


class StandingClaims:
    """The standing claims of all lanes; what they get is begun, as every attempt is, before it is made."""

    def __init__(self, desk: DeliveryDesk, fanout: Fanout) -> None:
        """Take what claims, and what makes deliveries."""
        self._desk = desk
        self._fanout = fanout
        self._claims: dict[str, StandingClaim] = {}
        self._promises: list[tuple[StandingClaim, list[Delivery]]] = []

    @contextmanager
    def standing(self, claim: StandingClaim) -> Iterator[StandingClaim]:
        """Have a claim stand for as long as the context lasts.

        What is promised when it ends is never taken: as after a crash, the next start takes those attempts for lost.
        """
        self._claims[claim.handler] = claim
        try:
            yield claim
        finally:
            del self._claims[claim.handler]

    def before_commit(self, db: sqlite3.Connection) -> None:
        """Begin what may begin of the deliveries that this transaction has made."""
        for handler in self._fanout.supplied():
            claim = self._claims.get(handler)
            room = claim.room() if claim is not None else 0
            if claim is not None and room > 0:
                (deliveries,) = self._desk.claim(db, [Claim(handler=handler, limit=room, lease=claim.lease)])
                claim.promised += len(deliveries)
                self._promises.append((claim, deliveries))

    def committed(self) -> None:
        """Hand out what was begun."""
        for claim, deliveries in self._redeemed():
            claim.take(deliveries)

    def rolled_back(self) -> None:
        """Forget what was begun, and let those know who wait for it."""
        for claim, _ in self._redeemed():
            claim.take([])

    def _redeemed(self) -> list[tuple[StandingClaim, list[Delivery]]]:
        promises, self._promises = self._promises, []
        for claim, deliveries in promises:
            claim.promised -= len(deliveries)
        return [(claim, deliveries) for claim, deliveries in promises if self._claims.get(claim.handler) is claim]
