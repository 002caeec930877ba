"""Opens the database: one connection that writes, others that can only read."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiosqlite

from kling_daemon.store.errors import NoTransactionError, StoreError
from kling_daemon.store.files import DatabaseFiles, refuse_remains
from kling_daemon.store.troubles import Damage, words_of

T = TypeVar("T")

DATABASE = "kling.db"
"""The file's name in the state directory."""

_FLOOR = (3, 40, 0)
_PAGE_CACHE_KIB = 4096
_JOURNAL_LIMIT = 64 * 1024 * 1024
_TRIES, _PAUSE = 40, 0.05
"""How often, and with which pause in seconds, a transaction is begun while another program writes.

Together two seconds: Kling waits five for an answer, and 503 is one.
"""


class WriterConnection(aiosqlite.Connection):
    """The one connection that writes and checkpoints; for one transaction at a time.

    The statements of a transaction are one plain function, so that no second coroutine can get between them. It runs on
    the event loop: it computes more than it waits, and two threads that compute only take the interpreter from each
    other. What waits for the disk, the commit with its sync and its checkpoint, runs in the connection's own thread.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        """Take the file, and what opens it."""
        super().__init__(connect, iter_chunk_size=64)
        self._files = DatabaseFiles(path)
        self.damage = Damage(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._files.path

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, to be used inside `run` and `transact` alone."""
        return self._conn

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in the connection's thread."""
        result: T = await self._execute(work)  # type: ignore[no-untyped-call]
        return result

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in one transaction and return its result once that is on disk; rolled back if it raises."""
        db = self._conn
        await self._begin(db)
        try:
            result = work(db)
            await self.run(partial(db.execute, "COMMIT"))
        except BaseException:
            # Behind a commit that may still run in the thread, where only this task's waiting was cancelled.
            await asyncio.shield(self.run(partial(_roll_back, db)))
            raise
        return result

    def check_file(self) -> None:
        """Raise NoTransactionError if what is written would be lost: files taken away, or no database any more."""
        self._files.check()
        self.damage.check()

    async def _begin(self, db: sqlite3.Connection) -> None:
        """Begin a transaction, waiting without blocking while another program, such as a shell, writes."""
        self.check_file()
        for _ in range(_TRIES):
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return
        raise NoTransactionError("another program holds a lock on the database, such as an sqlite3 shell")


def _roll_back(db: sqlite3.Connection) -> None:
    # A failed COMMIT may have ended the transaction already.
    if db.in_transaction:
        db.execute("ROLLBACK")


@asynccontextmanager
async def open_writer(path: Path) -> AsyncIterator[WriterConnection]:
    """Open, and create if need be, the database for writing; close it on every path, or its thread outlives us."""
    refuse_remains(path)
    if sqlite3.sqlite_version_info < _FLOOR:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.40 or newer is needed")

    try:
        # Before aiosqlite sees it: a connection that cannot even be made leaves a thread behind that fails noisily.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"the database {path} cannot be opened: {error.strerror}") from error

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256)

    writer = WriterConnection(path, connect)
    try:
        async with writer:
            await writer.run(lambda: _set_up(writer.raw))
            yield writer
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the database {path} cannot be used: {words_of(error, path)}") from error


def _set_up(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # FULL: an answered callback must survive a power cut, and in WAL mode NORMAL does not sync each commit.
    db.execute("PRAGMA synchronous = FULL")
    # The one writer makes every reference itself, in the same transaction as what it refers to.
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
    db.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")


class ReaderConnection(aiosqlite.Connection):
    """A connection that can only read, and notes what it finds damaged."""

    def __init__(self, path: Path, damage: Damage) -> None:
        """Take the file, and where damage is noted."""
        super().__init__(lambda: _connect_to_read(path), iter_chunk_size=64)
        self.damage = damage


def _connect_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)


@asynccontextmanager
async def open_reader(path: Path, damage: Damage | None = None) -> AsyncIterator[ReaderConnection]:
    """Open a connection that can only read; it sees every commit made before its statement began."""
    reader = ReaderConnection(path, damage or Damage(path))
    async with reader:
        reader.row_factory = sqlite3.Row
        await reader.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
        yield reader
