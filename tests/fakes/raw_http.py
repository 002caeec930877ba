"""Requests byte by byte, as a browser, a proxy or a mischief-maker writes them."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakes.dispatching import PATIENCE
from yarl import URL


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer as it came."""

    status: int
    head: bytes
    body: bytes

    @property
    def problem(self) -> Any:
        """The problem object in it."""
        assert b"application/problem+json" in self.head
        return json.loads(self.body)


def written(method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return a request of HTTP/1.1 that ends its connection."""
    lines = {"Connection": "close", **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


async def exchange(url: str, request: bytes) -> RawAnswer:
    """Send bytes as they are to `http://HOST:PORT` or `unix:PATH`, and return what comes until the connection ends."""
    async with asyncio.timeout(PATIENCE):
        if url.startswith("unix:"):
            reader, writer = await asyncio.open_unix_connection(url.removeprefix("unix:"))
        else:
            reader, writer = await asyncio.open_connection(URL(url).host, URL(url).port)
        try:
            writer.write(request)
            await writer.drain()
            raw = await reader.read()
        finally:
            writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    return RawAnswer(status=int(head.split()[1]), head=head, body=body)
