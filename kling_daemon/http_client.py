"""The HTTP client that handlers are given, as they see it; `egress` has the real one, a test may have its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class HttpResponse(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; look-ups ignore case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Stream the body as it comes. Raises HttpError when it breaks off, stalls or is too long."""
        ...


class HttpError(Exception):
    """A request of a handler's could not be made, or its answer broke off; the message says why."""


class HttpRefusedError(HttpError):
    """The configuration forbids the request; trying again cannot help.

    A handler that lets it pass is not tried again: the delivery is a dead letter, with this message as its reason.
    """


class HttpClient(Protocol):
    """The client for everything that a handler fetches or sends; it keeps to the `[egress]` settings."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Send a request; redirects are followed for GET and HEAD only.

        Raises HttpRefusedError when `[egress]` forbids the address, HttpError when no answer comes.
        """
        ...
