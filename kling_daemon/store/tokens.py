"""Keeps who may use the local API: names, scopes and digests, never a token."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kling_daemon.clock import from_millis, optional, to_millis
from kling_daemon.scopes import Scope
from kling_daemon.store.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownToken:
    """A token that opens the local API, as it is kept."""

    name: str
    scope: Scope
    digest: bytes = field(repr=False)
    """The SHA-256 of the token."""
    made_at: datetime
    used_on: date | None = None
    """The last day on which it was used, UTC; None before the first."""


class TokenDesk:
    """The operations on tokens."""

    def __init__(self) -> None:
        """Take nothing: tokens have to do with nothing else."""
        self._sql = Statements("tokens")

    def make(self, db: sqlite3.Connection, units: Sequence[KnownToken]) -> list[bool]:
        """Store new tokens; False where the name, or the very token, is there already."""
        return [self._make(db, token) for token in units]

    def keep(self, db: sqlite3.Connection, units: Sequence[KnownToken]) -> list[bool]:
        """Store tokens in the place of others of their names, or of their digests; True where that changes anything."""
        for token in units:
            kept = {"name": token.name, "digest": token.digest, "scope": token.scope.value}
            db.execute(self._sql["forget_other"], kept)
        return [self._make(db, token) for token in units]

    def revoke(self, db: sqlite3.Connection, units: Sequence[str]) -> list[bool]:
        """Forget tokens by their names; False where there was none."""
        return [db.execute(self._sql["revoke"], (name,)).rowcount == 1 for name in units]

    def use(self, db: sqlite3.Connection, units: Sequence[tuple[KnownToken, date]]) -> list[None]:
        """Note the day on which tokens were used; one that was revoked meanwhile stays so."""
        db.executemany(self._sql["use"], [(day.isoformat(), token.name, token.digest) for token, day in units])
        return [None] * len(units)

    def _make(self, db: sqlite3.Connection, token: KnownToken) -> bool:
        row = (token.name, token.scope.value, token.digest, to_millis(token.made_at))
        return db.execute(self._sql["make"], row).rowcount == 1


def token_from_row(row: Any) -> KnownToken:
    """Read what is kept of one token."""
    return KnownToken(
        name=row["name"],
        scope=Scope(row["scope"]),
        digest=row["digest"],
        made_at=from_millis(row["made_at"]),
        used_on=optional(date.fromisoformat, row["used_on"]),
    )
