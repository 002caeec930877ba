"""How much room is left on the state directory's disk, and whether people may still ask for what takes some of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kling_daemon.store.errors import StoreUnavailableError

LEAST_FILES = 64
"""How many files it must be possible to make: a body that waits to be sent is one, and SQLite needs some at times."""

_MIB = 1024**2


class NoRoomError(StoreUnavailableError):
    """What somebody asked for would take room that is kept for callbacks; nothing was stored. Says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is free on a file system for a user who is not root."""

    size: int
    """In bytes."""
    files: int | None
    """How many files can be made; None where the file system knows no limit."""


class DiskReserve:
    """Keeps a reserve: what people ask for is refused before callbacks are.

    It is measured when it matters, so that it is never out of date. Quotas count as far as the file system shows them
    in what is free: those of projects and subvolumes do, those of users do not.
    """

    def __init__(
        self, directory: Path, reserve: int, *, measure: Callable[[Path], os.statvfs_result] = os.statvfs
    ) -> None:
        """Take the state directory, and how many bytes shall be kept for callbacks."""
        self.directory = directory
        self.reserve = reserve
        self._measure = measure

    def space(self) -> Space | None:
        """Return what is free now; None while the directory is not there."""
        try:
            found = self._measure(self.directory)
        except OSError:
            return None
        return Space(size=found.f_bavail * found.f_frsize, files=found.f_favail if found.f_files else None)

    def shortage(self, size: int = 0) -> str | None:
        """Return in words what is short, if so many more bytes were written; None while the reserve is left."""
        space = self.space()
        if space is None:
            return None  # which is no question of room, and told of elsewhere
        kept = f"{_mib(self.reserve)} (store.reserve) are kept for callbacks"
        if space.size < self.reserve:
            return f"the disk of the state directory is nearly full: {_mib(space.size)} are free, and {kept}"
        if space.size < self.reserve + size:
            free = f"{_mib(space.size)} are free"
            return f"{_mib(size)} find no room on the disk of the state directory: {free}, and {kept}"
        if space.files is not None and space.files < LEAST_FILES:
            return f"the disk of the state directory can take only {space.files} more files (its inodes are used up)"
        return None

    def obstacles(self) -> tuple[str, ...]:
        """Say why nothing is taken from people, if that is so."""
        shortage = self.shortage()
        return (f"new jobs are refused: {shortage}",) if shortage is not None else ()

    def require(self, size: int = 0) -> None:
        """Raise NoRoomError unless the reserve is left when so many more bytes are written."""
        shortage = self.shortage(size)
        if shortage is not None:
            raise NoRoomError(f"{shortage}; make room there, then try again")


def _mib(size: int) -> str:
    return f"{size} bytes" if size < _MIB else f"{size / _MIB:,.0f} MiB"
