"""Runs named statements over a connection that can only read."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kling_daemon.clock import from_millis, optional
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.errors import StoreUnavailableError
from kling_daemon.store.statements import Statements


class Queries:
    """The statements of one `.sql` file; each raises StoreUnavailableError when SQLite cannot answer."""

    def __init__(self, connection: ReaderConnection, file: str) -> None:
        """Take a read-only connection whose rows have names, and the file's name."""
        self._connection = connection
        self._sql = Statements(file)

    async def all(self, statement: str, parameters: Iterable[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Return every row of the answer."""
        try:
            rows = await self._connection.execute_fetchall(self._sql[statement], parameters)
        except sqlite3.Error as error:
            self._connection.damage.note(error)
            raise StoreUnavailableError(f"the database could not be read: {error}") from error
        return list(rows)

    async def moment(self, statement: str, parameters: Iterable[Any] = ()) -> datetime | None:
        """Return the `due_at` of the one row that there is."""
        (row,) = await self.all(statement, parameters)
        return optional(from_millis, row["due_at"])
