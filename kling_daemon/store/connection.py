"""Opens the database: one connection that writes, others that can only read."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiosqlite

from kling_daemon.store.errors import StoreError

T = TypeVar("T")

DATABASE = "kling.db"
"""The file's name in the state directory."""

_FLOOR = (3, 40, 0)
_PAGE_CACHE_KIB = 4096
_JOURNAL_LIMIT = 64 * 1024 * 1024


class WriterConnection(aiosqlite.Connection):
    """The one connection that writes and checkpoints.

    A transaction is a plain function that runs whole in the connection's own thread: no second coroutine can get
    between its statements, a cancelled waiter cannot leave it open, and it costs one change of threads, not one per
    statement.
    """

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, to be used inside `run` alone."""
        return self._conn

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in the connection's thread."""
        result: T = await self._execute(work)  # type: ignore[no-untyped-call]
        return result

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in one transaction and return its result once that is on disk; rolled back if it raises."""

        def transaction() -> T:
            db = self._conn
            try:
                db.execute("BEGIN IMMEDIATE")
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                # A failed COMMIT may have ended the transaction already.
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        return await self.run(transaction)


@asynccontextmanager
async def open_writer(path: Path) -> AsyncIterator[WriterConnection]:
    """Open, and create if need be, the database for writing; close it on every path, or its thread outlives us."""
    if sqlite3.sqlite_version_info < _FLOOR:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.40 or newer is needed")

    try:
        # Before aiosqlite sees it: a connection that cannot even be made leaves a thread behind that fails noisily.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"the database {path} cannot be opened: {error.strerror}") from error

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, cached_statements=256)

    writer = WriterConnection(connect, iter_chunk_size=64)
    try:
        async with writer:
            await writer.run(lambda: _set_up(writer.raw))
            yield writer
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the database {path} cannot be used: {error}") from error


def _set_up(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # FULL: an answered callback must survive a power cut, and in WAL mode NORMAL does not sync each commit.
    db.execute("PRAGMA synchronous = FULL")
    # The one writer makes every reference itself, in the same transaction as what it refers to.
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
    db.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Open a connection that can only read; it sees every commit made before its statement began."""
    async with aiosqlite.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None) as reader:
        reader.row_factory = sqlite3.Row
        await reader.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
        yield reader
