"""Makes a verified copy of the database before a migration changes it, so that there is a way back."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import structlog

from kling_daemon.store.errors import StoreError

KEPT = 3
"""How many copies are kept; the oldest give way once a new one is verified."""

_NAME = re.compile(r"kling\.schema-\d+\.(\d{8}T\d{9}Z)\.db", re.ASCII)
_UNFINISHED = "kling.copying"
_RESERVE = 16 * 1024 * 1024
"""What must be left of the disk besides the copy: the migration itself writes too."""

log = structlog.get_logger(__name__)


def copy_name(version: int, at: datetime) -> str:
    """Return the name of a copy of a database with this schema, made at this time."""
    at = at.astimezone(UTC)
    return f"kling.schema-{version}.{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03}Z.db"


def free_bytes(directory: Path) -> int:
    """Return how much room there is for us in a directory."""
    return shutil.disk_usage(directory).free


def make_safety_copy(
    db: sqlite3.Connection,
    directory: Path,
    *,
    version: int,
    at: datetime,
    free: Callable[[Path], int] = free_bytes,
) -> Path:
    """Copy the database into the directory, verify and sync the copy, and return where it is.

    It has its name only when it is whole; a crash leaves an unfinished file that the next copy replaces. It is its
    owner's alone. Of older copies the last ones are kept. free: how much room there is in a directory.

    Raises StoreError, leaving no copy, when there is no room for it, when it cannot be written, or when the database
    that was copied is damaged.
    """
    needed = _size(db) + _RESERVE
    there = free(directory)
    if there < needed:
        raise StoreError(
            f"there is no room in {directory} for the copy that is made before the database is changed: it needs "
            f"{_mib(needed)}, and {_mib(there)} are free; nothing was changed. Make room and start again"
        )
    unfinished, copy = directory / _UNFINISHED, directory / copy_name(version, at)
    try:
        _remove(unfinished)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(db, unfinished)
        _sync(unfinished)
        unfinished.replace(copy)
        _sync(directory)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"the copy that is made before the database is changed cannot be written to {directory}: {error}; "
            "nothing was changed"
        ) from error
    finally:
        _remove(unfinished)
    log.info("database copied before a migration", copy=str(copy), schema=version)
    _thin_out(directory)
    return copy


def _copy(db: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        db.backup(copy)
        # The copy is one file: what was the original's write-ahead log is in it.
        copy.execute("PRAGMA journal_mode = DELETE")
        flaws = [flaw for (flaw,) in copy.execute("PRAGMA integrity_check(3)")]
    if flaws != ["ok"]:
        raise StoreError(
            f"the database is damaged ({'; '.join(flaws)}), and is not changed in this state; "
            "put a backup in its place, or go on with the version of kling-daemon that was used before"
        )


def _size(db: sqlite3.Connection) -> int:
    (pages,), (page_size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    return int(pages * page_size)


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(unfinished: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


def _thin_out(directory: Path) -> None:
    """Remove the oldest copies; one that cannot be removed keeps nobody from starting."""
    copies = [(found[1], path) for path in directory.iterdir() if (found := _NAME.fullmatch(path.name))]
    for _, path in sorted(copies)[:-KEPT]:
        try:
            path.unlink()
        except OSError as error:
            log.warning("old copy of the database cannot be removed", copy=str(path), error=error.strerror)
