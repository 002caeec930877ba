"""Where request bodies lie until Kling has taken them: they may carry megabytes, so not in the database."""

import asyncio
import hashlib
import os
from collections.abc import Collection
from pathlib import Path


class Spool:
    """A directory of files named after the SHA-256 of what they hold."""

    def __init__(self, directory: Path) -> None:
        """Take the directory, which is made when the first body comes."""
        self._directory = directory

    async def put(self, body: bytes) -> str:
        """Keep a body and return its digest once it is on disk; the same body again is one file."""
        digest = hashlib.sha256(body).hexdigest()
        await asyncio.to_thread(self._write, digest, body)
        return digest

    async def get(self, digest: str) -> bytes:
        """Return a body; FileNotFoundError when somebody has removed it."""
        return await asyncio.to_thread(self._path(digest).read_bytes)

    async def keep_only(self, digests: Collection[str]) -> None:
        """Delete every body but these; called when no body is on its way in."""
        await asyncio.to_thread(self._sweep, frozenset(digests))

    def _path(self, digest: str) -> Path:
        return self._directory / digest

    def _write(self, digest: str, body: bytes) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(digest)
        if path.exists():
            return
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self, digests: frozenset[str]) -> None:
        if self._directory.is_dir():
            for path in self._directory.iterdir():
                if path.name not in digests:
                    path.unlink(missing_ok=True)
