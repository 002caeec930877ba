"""A database in trouble: commits that the disk refuses, and commits that take their time."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kling_daemon.store import DATABASE, Store


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the store's log: whatever is to be committed, SQLite cannot write it."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (directory / f"{DATABASE}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


class SlowCommits:
    """Commits of a store that can be held while they are under way, in SQLite itself and in the writer's thread.

    For that its connection must be had; nobody else in the tests reaches for it.
    """

    def __init__(self, store: Store) -> None:
        self._database: sqlite3.Connection = store._writer._connection.raw
        self._loop = asyncio.get_running_loop()
        self._go_on = threading.Event()
        self.is_held = asyncio.Event()
        """Set when a commit is under way and held."""

    def hold(self) -> None:
        """Hold commits from now on."""
        self._database.set_trace_callback(self._trace)

    def let_go(self) -> None:
        """Hold no commit any more."""
        # The callback stays: taking it away would wait for the commit that it holds.
        self._go_on.set()

    def _trace(self, statement: str) -> None:
        if statement == "COMMIT":
            self._loop.call_soon_threadsafe(self.is_held.set)
            self._go_on.wait()


@contextmanager
def slow_commits(store: Store) -> Iterator[SlowCommits]:
    """Be able to hold commits; what is held when the context ends goes on."""
    commits = SlowCommits(store)
    try:
        yield commits
    finally:
        commits.let_go()
