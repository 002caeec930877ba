"""An answer whose body is streamed, counted and cut off where it grows past the cap."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from kling_daemon.egress.failures import FAILURES
from kling_daemon.http_client import HttpError, HttpRefusedError

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StreamedResponse:
    """One answer to one request; it can be read as long as the request's `async with` lasts."""

    answer: aiohttp.ClientResponse
    max_size: int | None
    translate: Callable[[Exception], HttpError]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; look-ups ignore case."""
        return self.answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Stream the body as it was sent, not decompressed, in pieces of at most 256 KiB.

        Raises HttpError when it breaks off or stalls, HttpRefusedError when it is longer than the cap.
        """
        received = 0
        if self.answer.method != "HEAD":
            self._admit(self.answer.content_length or 0)
        pieces = self.answer.content.iter_chunked(_CHUNK)
        while True:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except FAILURES as error:
                raise self.translate(error) from None
            received += len(piece)
            self._admit(received)
            yield piece

    def _admit(self, size: int) -> None:
        if self.max_size is not None and size > self.max_size:
            raise HttpRefusedError(
                f"{self.answer.url.host}: the answer is longer than the {self.max_size} bytes of [egress] max_size"
            )
