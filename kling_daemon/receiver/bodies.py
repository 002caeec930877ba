"""Reads the bodies of callbacks from their connections, all of them together within one bound of memory."""

from aiohttp import web

from kling_daemon.tracking import Backlog


class CrowdedError(Exception):
    """Too much of other bodies has been read and is not whole yet; this one's sender shall come again."""


class Bodies:
    """What is read counts as it comes, not as it is announced: an announcement costs its sender nothing.

    Short bodies that come the plain way are not read here, and so are taken whatever is going on here.
    """

    def __init__(self, *, max_body: int, room: Backlog | None = None) -> None:
        """Take the longest that a body may be, in bytes, and the room for those that are not whole."""
        self._max_body = max_body
        self._room = room or Backlog()

    async def read(self, request: web.Request) -> bytes:
        """Return a body, once it is whole.

        Raises HTTPRequestEntityTooLarge or CrowdedError before it is, and what aiohttp raises where it breaks off.
        """
        body = bytearray()
        try:
            async for chunk in request.content.iter_any():
                if len(body) + len(chunk) > self._max_body:
                    raise web.HTTPRequestEntityTooLarge(self._max_body, len(body) + len(chunk))
                if not self._room.take(len(chunk)):
                    raise CrowdedError
                body += chunk
            return bytes(body)
        finally:
            self._room.give_back(len(body))
