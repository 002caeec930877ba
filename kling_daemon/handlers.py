"""What a handler is made of: its type, what it is given, and what it may raise."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pydantic

from kling_daemon.events import JobEvent, Notice

Item = JobEvent | Notice
"""What is delivered to a handler."""


class HandlerConfig(pydantic.BaseModel):
    """The base of a plugin's configuration: unknown keys are errors, values are frozen."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Retry(Exception):  # noqa: N818 - it is an instruction, not an error
    """Raised by a handler to be called again later without an attempt being counted, up to a maximum age."""

    def __init__(self, reason: str = "postponed by the handler", *, after: timedelta | float) -> None:
        """Take the pause as a timedelta or in seconds."""
        super().__init__(reason)
        self.reason = reason
        self.after = after if isinstance(after, timedelta) else timedelta(seconds=after)


class Reject(Exception):  # noqa: N818 - it is an instruction, not an error
    """Raised by a handler to put a delivery among the dead letters at once: no attempt could ever succeed."""

    def __init__(self, reason: str) -> None:
        """Take the reason that a person will read."""
        super().__init__(reason)
        self.reason = reason


class Log(Protocol):
    """A structlog logger, bound to the handler and, while it is called, to the event and job."""

    def debug(self, event: str, **values: object) -> object:
        """Say something that helps to find a mistake."""
        ...

    def info(self, event: str, **values: object) -> object:
        """Say that something worth knowing happened."""
        ...

    def warning(self, event: str, **values: object) -> object:
        """Say that something needs attention."""
        ...

    def error(self, event: str, **values: object) -> object:
        """Say that something failed."""
        ...


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
    """The configuration forbids the request; trying again cannot help. Raise `Reject` from it."""


class HttpClient(Protocol):
    """The client for everything that a handler fetches or sends; it keeps to the `[egress]` settings."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Send a request; redirects are followed for GET and HEAD only.

        Raises HttpRefusedError when `[egress]` forbids the address, HttpError when no answer comes.
        """
        ...


class Submit(Protocol):
    """Creates follow-up jobs."""

    async def __call__(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        *,
        key: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Store the intent to create a job and return the job's id.

        Once per delivery and key: a second call, also by a later attempt, returns the same job and pays nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerContext:
    """What a handler is given when it is opened, and keeps."""

    name: str
    """The instance's durable name."""
    log: Log
    data_dir: Path
    """A private directory that outlives restarts; it exists."""
    http: HttpClient


class Journal(Protocol):
    """Where a delivery's small results are kept between attempts; filled by the daemon."""

    async def load(self, step: str) -> Any:
        """Return what was saved under this name, or None."""
        ...

    async def save(self, step: str, value: Any) -> None:
        """Commit a JSON value under this name; it replaces an earlier one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """What a handler is given with each attempt at an event or notice."""

    name: str
    log: Log
    data_dir: Path
    http: HttpClient
    submit: Submit
    attempt: int
    """Which attempt this is, from 1."""
    idempotency_key: str
    """The same for every attempt at this event by this handler: hand it to whatever must not happen twice."""
    results: Mapping[str, Mapping[str, Any] | None]
    """What the handlers named in `depends_on` returned for this event; None where theirs is dead."""
    heartbeat: Callable[[], None]
    """Says that the handler is alive: its time-out counts anew from now."""
    journal: Journal

    async def step(self, name: str, run: Callable[[], Awaitable[Any]]) -> Any:
        """Run a part of the work once over all attempts and return its (JSON) result, kept when it succeeds.

        At least once on a crash between the part's end and the commit of its result.
        """
        kept = await self.journal.load(f"step:{name}")
        if kept is not None:
            return kept["result"]
        result = await run()
        await self.journal.save(f"step:{name}", {"result": result})
        return result

    async def load_cursor(self) -> Any:
        """Return what an earlier attempt saved with `save_cursor`, or None."""
        return await self.journal.load("cursor")

    async def save_cursor(self, value: Any) -> None:
        """Commit a small JSON value for a later attempt to go on from."""
        await self.journal.save("cursor", value)


class Handler(Protocol):
    """An open reactor. `handle` may take the event, the context, or both, told apart by these names."""

    @property
    def handle(self) -> Callable[..., Awaitable[Mapping[str, Any] | None]]:
        """Take one event or notice; returning acknowledges it, raising has it tried again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerType:
    """A kind of handler that a plugin offers; the operator configures instances of it."""

    name: str
    """What the operator writes as `type`."""
    config: type[pydantic.BaseModel]
    """The model of the instance's own keys; derive it from HandlerConfig."""
    open: Callable[[Any, HandlerContext], AbstractAsyncContextManager[Handler]]
    """Called with the validated configuration and the context; what it yields is the open handler."""
    events: frozenset[str] | set[str]
    """What it reacts to unless the operator says otherwise: `job.completed`, …, `notice`."""
