"""A Kling that takes every request and never answers: for what is under way when the daemon shall stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class Silence:
    """A listener that reads what it is sent."""

    def __init__(self) -> None:
        """Not asked yet."""
        self.url = ""
        self.asked = asyncio.Event()
        """Set once somebody has sent a request."""

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Self]:
        """Listen until the context is left; then every connection is cut."""
        silence = cls()
        writers: set[asyncio.StreamWriter] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            try:
                while await reader.read(4096):
                    silence.asked.set()
            except OSError:
                pass
            finally:
                writers.discard(writer)
                writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        silence.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield silence
        finally:
            server.close()
            for writer in list(writers):
                writer.close()
