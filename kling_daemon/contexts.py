"""What a handler is given: a logger, a directory, an HTTP client, and its memory between attempts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kling_daemon.fast_init import fast_init
from kling_daemon.http_client import HttpClient


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

    def exception(self, event: str, **values: object) -> object:
        """Say that something failed, with the traceback of the exception that is being handled."""
        ...


class SubmitRefusedError(Exception):
    """The daemon does not take this submission; nothing was stored or sent. The message says why."""


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

        endpoint: the path at Kling. body: what Kling documents for it; callback URL and external id are added. tags:
        notes that Kling never sees. Once per delivery and key: a second call, also by a later attempt, returns the same
        job and pays nothing. Raises SubmitRefusedError for what can never be sent: `Reject` is the answer to that; and
        Retry while it cannot be stored, as on a full disk: let it pass, and the handler is called again.
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
    """Where a delivery's small results are kept between attempts; handlers use it through `step` and the cursor."""

    async def load(self, step: str) -> Any:
        """Return what was saved under this name, or None."""
        ...

    async def save(self, step: str, value: Any) -> None:
        """Commit a JSON value under this name; it replaces an earlier one."""
        ...


@fast_init
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
