"""Keeps since when the daemon works for its account, and how far it has adopted what Kling's lists show."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kling_daemon.clock import to_millis
from kling_daemon.store.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """What is known of the account itself."""

    first_at: datetime
    """When a daemon first started on this state directory."""
    adopted_until: datetime | None
    """Tasks that were made before were seen on Kling's lists and adopted; None while none ever were."""


class AccountDesk:
    """The operations on the account."""

    def __init__(self, *, account: str) -> None:
        """Take the account's name."""
        self._account = account
        self._sql = Statements("accounts")

    def started(self, db: sqlite3.Connection, units: Sequence[datetime]) -> list[None]:
        """Note the moment of the first start; at any later one it stays as it is."""
        for at in units:
            db.execute(self._sql["started"], (self._account, to_millis(at)))
        return [None] * len(units)

    def adopted(self, db: sqlite3.Connection, units: Sequence[datetime]) -> list[None]:
        """Note up to when all tasks were adopted; it never goes back."""
        for until in units:
            db.execute(self._sql["adopted"], (to_millis(until), self._account))
        return [None] * len(units)
