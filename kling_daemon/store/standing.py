"""Standing claims: a lane with places claims in the very transaction that makes deliveries for it.

A lane that claims when the bell rings needs a second transaction after the one that made the deliveries; until that is
on disk its handler is not called. Most lanes are idle most of the time, and say so beforehand instead.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from kling_daemon.deliveries import Delivery
from kling_daemon.store.deliveries import Claim, DeliveryDesk
from kling_daemon.store.fanout import Fanout


@dataclass(slots=True, kw_only=True, eq=False)
class StandingClaim:
    """What a lane would claim at any time, without asking for it each time.

    Its functions are called on the event loop and must not raise. They may take it for granted that the fate of one
    transaction is told before the next one begins.
    """

    handler: str
    lease: timedelta
    room: Callable[[], int]
    """Says how many deliveries may begin now; what is promised never counts, since nothing is when this is asked."""
    take: Callable[[list[Delivery]], None]
    """Is given deliveries whose attempts have begun and are on disk."""
    withdraw: Callable[[], None]
    """Hears that the transaction failed in which something was promised: nothing of it was made or has begun."""
    pass_over: Callable[[], None]
    """Hears that deliveries are being made for it although it has no room: it must claim them when it has."""
    promised: int = 0
    """How many deliveries have begun for it in a transaction that is not on disk yet."""


class StandingClaims:
    """The standing claims of all lanes; what they get is begun, as every attempt is, before it is made."""

    def __init__(self, desk: DeliveryDesk, fanout: Fanout) -> None:
        """Take what claims, and what makes deliveries."""
        self._desk = desk
        self._fanout = fanout
        self._claims: dict[str, StandingClaim] = {}
        self._promises: list[tuple[StandingClaim, list[Delivery]]] = []

    @contextmanager
    def standing(self, claim: StandingClaim) -> Iterator[None]:
        """Have a claim stand for as long as the context lasts; ValueError when one stands for its handler already.

        What is promised when it ends is never taken: as after a crash, the next start takes those attempts for lost.
        """
        if claim.handler in self._claims:
            raise ValueError(f"a claim stands already for the handler {claim.handler!r}")
        self._claims[claim.handler] = claim
        try:
            yield
        finally:
            del self._claims[claim.handler]

    def before_commit(self, db: sqlite3.Connection) -> None:
        """Claim for the lanes that this transaction has made deliveries for: these, or whatever else is due to them."""
        for handler in self._fanout.take_supplied():
            claim = self._claims.get(handler)
            if claim is None:
                continue
            room = claim.room()
            if room <= 0:
                claim.pass_over()
                continue
            (deliveries,) = self._desk.claim(db, [Claim(handler=handler, limit=room, lease=claim.lease)])
            if deliveries:
                claim.promised = len(deliveries)
                self._promises.append((claim, deliveries))

    def committed(self) -> None:
        """Hand out what was begun."""
        self._fanout.committed()
        for claim, deliveries in self._settle_promises():
            claim.take(deliveries)

    def rolled_back(self) -> None:
        """Forget what was made and begun, and let those know who wait for it."""
        self._fanout.rolled_back()
        self._fanout.take_supplied()  # a transaction that failed before its end has asked for nothing yet
        for claim, _ in self._settle_promises():
            claim.withdraw()

    def _settle_promises(self) -> list[tuple[StandingClaim, list[Delivery]]]:
        """Return what was promised, now that nothing is any more, to claims that still stand."""
        promises, self._promises = self._promises, []
        for claim, _ in promises:
            claim.promised = 0
        return [(claim, deliveries) for claim, deliveries in promises if self._claims.get(claim.handler) is claim]
