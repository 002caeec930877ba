"""Puts a state directory as an earlier version has left it where a test wants it."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from kling_daemon.clock import SystemClock, from_millis, to_millis
from kling_daemon.store import DATABASE

FOLDER = Path(__file__).parents[1] / "fixtures" / "states"
EARLIER = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
"""All that there are: a new folder needs no new test."""


class ClockOfThen(SystemClock):
    """The machine's clock, set back to a minute after the daemon that left a state directory was killed."""

    def __init__(self, directory: Path) -> None:
        with closing(sqlite3.connect(directory / DATABASE)) as db:
            (killed_at,) = db.execute("SELECT max(started_at) FROM attempts").fetchone()
        self._behind = super().now() - from_millis(killed_at) - timedelta(minutes=1)

    def now(self):
        return from_millis(to_millis(super().now() - self._behind))


def restore(name: str, directory: Path) -> Path:
    """Write the state directory with this name and return it."""
    folder = FOLDER / name
    shutil.copytree(folder, directory, ignore=shutil.ignore_patterns("*.sql"), dirs_exist_ok=True)
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as db:
        db.executescript((folder / "kling.sql").read_text(encoding="utf-8"))
    return directory


def rows_of(directory: Path, query: str) -> list[tuple]:
    """Return what the database in a directory holds."""
    with closing(sqlite3.connect(f"file:{directory / DATABASE}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()
