"""What SQLite's errors mean to the person who must do something about them."""

import os
import sqlite3
from pathlib import Path

import structlog

from kling_daemon.store.errors import NoTransactionError

log = structlog.get_logger(__name__)

# No semicolons: several reasons for not being ready are divided by them.
_DAMAGED = (
    "it is damaged: stop the daemon and put a backup in its place, or save what can be read "
    "(docs/operations.md, The database is damaged)"
)
_FULL = "its disk is full, make room there"
_NO_FILES = "its disk can take no more files (its inodes are used up), remove some there"
_WORDS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "its disk fails, or a quota or a file size limit is reached, the system's log says more",
    sqlite3.SQLITE_READONLY: "its file, its directory or its whole file system is read-only",
    sqlite3.SQLITE_CANTOPEN: "one of its files cannot be opened or made, check their owner, mode and the free inodes",
    sqlite3.SQLITE_PERM: "its files may not be used, check their owner and mode",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_NEXT_TO_NOTHING = 64 * 1024
_OF_PAGES = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}
_OF_THE_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def words_of(error: sqlite3.Error, database: Path) -> str:
    """Return what SQLite says about a database, and what it means and asks for, where that is known."""
    meaning = _WORDS.get(_primary(error))
    if _primary(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        # What SQLite says of a full disk depends on which of its files did not find room.
        meaning = _shortage(database.parent) or meaning
    return f"{error}: {meaning}" if meaning else str(error)


class Damage:
    """What was found damaged since the start. It does not heal: a person must mend the database, and restart.

    Until then nothing is written any more: SQLite, led astray by a damaged page, may write over sound ones.
    """

    def __init__(self, database: Path) -> None:
        """Nothing was found yet."""
        self.words: str | None = None
        """What was found first, and what to do about it."""
        self._database = database

    def note(self, error: sqlite3.Error) -> None:
        """Note an error, if it shows damage: a page that makes no sense, or a file that is no database any more."""
        if self.words is None and _primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            self.words = f"nothing is written to the database any more: {words_of(error, self._database)}"
            log.critical("the database is damaged", database=str(self._database), error=str(error))

    def check(self) -> None:
        """Raise NoTransactionError if any was found."""
        if self.words is not None:
            raise NoTransactionError(self.words)


def _shortage(directory: Path) -> str | None:
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    if found.f_bavail * found.f_frsize < _NEXT_TO_NOTHING:
        return _FULL
    return _NO_FILES if found.f_files and not found.f_favail else None


def is_of_the_disk(error: BaseException | None) -> bool:
    """Whether an error is no transaction's own: whatever is tried next will hardly fare better.

    A page that cannot be read or is damaged concerns only those who need it.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    return _primary(error) in _OF_THE_DISK and _code(error) not in _OF_PAGES


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)  # what the module itself raises has none
    return code


def _primary(error: sqlite3.Error) -> int:
    return _code(error) & 0xFF
