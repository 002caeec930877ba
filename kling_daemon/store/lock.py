"""Keeps a second daemon out of a state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kling_daemon.store.errors import StoreError, StoreLockedError


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the directory's lock for as long as the context lasts; StoreLockedError when somebody else does.

    StoreError when the directory may not be written to. The lock is a file of its own, since closing the database file
    anywhere drops SQLite's locks on it. The kernel drops a flock with the process, so a crash leaves nothing stale.
    Local file systems only.
    """
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLockedError(
                f"another kling-daemon is running with the state directory {directory}; "
                "stop it, or give this one a [store] directory of its own"
            ) from None
        yield
    finally:
        os.close(descriptor)
