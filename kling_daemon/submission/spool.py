"""Where request bodies lie until Kling has taken them: they may carry megabytes, so not in the database."""

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_UNFINISHED = ".new"


class Spool:
    """A directory of files named after the SHA-256 of what they hold; readable by their owner alone."""

    def __init__(self, directory: Path) -> None:
        """Take the directory, which is made when the first body comes."""
        self._directory = directory
        self._arriving: Counter[str] = Counter()
        self._spared: set[str] = set()

    @asynccontextmanager
    async def arriving(self, body: bytes) -> AsyncIterator[str]:
        """Keep a body that nothing refers to yet, and yield its digest once it is on disk.

        No sweep takes it while the context lasts, in which the reference is to be committed. The same body again is
        one file. OSError when it cannot be kept.
        """
        digest = hashlib.sha256(body).hexdigest()
        self._arriving[digest] += 1
        self._spared.add(digest)
        try:
            await asyncio.to_thread(self._write, digest, body)
            yield digest
        finally:
            self._arriving[digest] -= 1
            if not self._arriving[digest]:
                del self._arriving[digest]

    async def get(self, digest: str) -> bytes:
        """Return a body; FileNotFoundError when somebody has removed it, OSError when it cannot be read."""
        return await asyncio.to_thread(self._path(digest).read_bytes)

    async def sweep(self, in_use: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Delete what nothing refers to; one sweep at a time.

        in_use: returns the digests that are referred to. It is asked after the directory was listed, and whatever
        arrived meanwhile is spared: it may be referred to since.
        """
        self._spared = set(self._arriving)
        names = await asyncio.to_thread(self._names)
        used = await in_use()
        for name in names:
            digest = name.partition(".")[0]
            finished = not name.endswith(_UNFINISHED)
            if digest not in self._spared and not (finished and digest in used):
                # Here and not in a thread: nothing may arrive between the look and the deed.
                self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._directory / name

    def _names(self) -> list[str]:
        try:
            return [path.name for path in self._directory.iterdir()]
        except FileNotFoundError:
            return []

    def _write(self, digest: str, body: bytes) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(digest)
        if path.exists():
            return
        # A name of its own: the same body may be arriving twice. `mkstemp` makes the file with mode 0600.
        descriptor, unfinished = tempfile.mkstemp(prefix=f"{digest}.", suffix=_UNFINISHED, dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).rename(path)
        except OSError:
            with suppress(OSError):
                Path(unfinished).unlink()
            raise
        _sync(self._directory)


def _sync(directory: Path) -> None:
    """Have the names in a directory survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
