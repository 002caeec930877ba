"""Watches over the files of a database in use: what is written to a file that somebody took away is lost."""

import os
from pathlib import Path

from kling_daemon.store.errors import NoTransactionError, StoreError

LOG_SUFFIX = "-wal"
"""What SQLite adds to the database's name for its write-ahead log, which holds the latest commits."""


class DatabaseFiles:
    """A database and its write-ahead log, as they were found when they were opened.

    A program that writes on into a file which has lost its name is told by SQLite that all is well.
    """

    def __init__(self, path: Path) -> None:
        """Take the database, which must be there."""
        self.path = path
        self._log_path = f"{path}{LOG_SUFFIX}"
        self._database = _identity(os.fspath(path))
        self._log: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise NoTransactionError if either file was deleted, replaced or emptied."""
        found = _stat(os.fspath(self.path))
        if found is None and not os.access(self.path.parent, os.X_OK):
            raise NoTransactionError(
                f"the database {self.path} cannot be reached: check its directory's owner and mode"
            )
        if found is None or (found.st_dev, found.st_ino) != self._database:
            raise NoTransactionError(
                f"the database {self.path} was deleted or replaced while in use: put it back, or restart the daemon"
            )
        if not found.st_size:
            raise NoTransactionError(
                f"the database {self.path} was emptied while in use: stop the daemon and put a backup in its place"
            )
        log = _identity(self._log_path)
        if self._log is None:
            self._log = log  # SQLite makes it with the first transaction
        elif log != self._log:
            raise NoTransactionError(
                f"{self._log_path}, which holds the latest commits, was deleted or replaced while in use: put it back, "
                "or stop the daemon by SIGTERM, which saves what it held, and start it again"
            )


def refuse_remains(path: Path) -> None:
    """Raise StoreError where a database was and is not any more, though something of it is left.

    That is a log with commits but no database that they belong to, which SQLite would throw away, or a database without
    a byte among the other files of a daemon. In both cases it would begin as if there had never been anything. A file
    without a byte alone is what a very first start leaves that was cut off.
    """
    found, log = _stat(os.fspath(path)), _stat(f"{path}{LOG_SUFFIX}")
    if found is not None and found.st_size:
        return
    log_name = f"{path.name}{LOG_SUFFIX}"
    if log is not None and log.st_size:
        raise StoreError(
            f"the database {path} {'is gone' if found is None else 'is empty'}, but {log_name} beside it holds commits "
            f"that belong to it; nothing was changed. Put the database back, or a backup and remove {log_name}; or "
            "remove both files to begin with nothing"
        )
    if found is not None and any(not file.name.startswith(path.name) for file in path.parent.iterdir()):
        raise StoreError(
            f"the database {path} is empty, but was used before: somebody emptied it, or broke off a copy; nothing "
            "was changed. Put a backup in its place, or remove it to begin with nothing"
        )


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - twice for each transaction, and a Path takes as long again
    except OSError:
        return None


def _identity(path: str) -> tuple[int, int] | None:
    """Return which file a path leads to; None when it leads to none."""
    found = _stat(path)
    return None if found is None else (found.st_dev, found.st_ino)
