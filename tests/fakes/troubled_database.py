"""A database in trouble: commits that the disk refuses, and commits that take their time."""

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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


@asynccontextmanager
async def slow_commits(store: Store) -> AsyncIterator[asyncio.Event]:
    """Hold every commit until the context ends; the event is set when the first is held.

    SQLite itself waits, in the writer's thread, so the connection must be had: nobody else in the tests reaches for it.
    """
    loop, held, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            loop.call_soon_threadsafe(held.set)
            go_on.wait()

    database = store._writer._connection.raw
    database.set_trace_callback(trace)
    try:
        yield held
    finally:
        database.set_trace_callback(None)
        go_on.set()
