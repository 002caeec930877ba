"""Clients that bring their request a byte at a time, or do not take their answers."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat


class Dripping:
    """A connection that brings some bytes at once, and then one byte again and again, until it is hung up on."""

    def __init__(self, first: bytes, drips: Iterator[bytes] | None = None, *, pause: float = 0.01) -> None:
        self.first = first
        self.drips = repeat(b"x") if drips is None else drips
        self.pause = pause
        self.opened = 0.0
        self.lasted: float | None = None
        """How many seconds it was let stay; None while it is."""
        self.got = b""
        """What it was answered."""

    async def run(self, host: str, port: int) -> None:
        """Connect, and drip until the end."""
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection(host, port)
        self.opened = loop.time()
        try:
            async with asyncio.TaskGroup() as tasks:
                dripping = tasks.create_task(self._drip(writer))
                with suppress(ConnectionError):
                    self.got = await reader.read()
                self.lasted = loop.time() - self.opened
                dripping.cancel()
        finally:
            writer.close()

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(self.first)
            for byte in self.drips:
                await asyncio.sleep(self.pause)
                writer.write(byte)
                await writer.drain()
