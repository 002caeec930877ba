"""Makes a state directory, for its owner alone, and keeps a second daemon out of it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kling_daemon.store.errors import StoreError, StoreLockedError


def make_directory(directory: Path) -> Path:
    """Return the directory, made if it is not there. Raises StoreError when it cannot be used."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the state directory {directory} cannot be made: {error.strerror}") from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError(f"the state directory {directory} cannot be written to; check owner, mode and mount")
    return directory.resolve()


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the directory's lock for as long as the context lasts; StoreLockedError when somebody else does.

    StoreError when it cannot be opened. The lock is on the directory itself: a file in it could be deleted, and then
    made anew by a second daemon, and closing the database file anywhere drops SQLite's locks on that. The kernel drops
    a flock with the process, so a crash leaves nothing stale. Local file systems only.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"the state directory {directory} cannot be opened: {error.strerror}") from error
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
