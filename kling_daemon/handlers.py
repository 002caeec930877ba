"""What a handler is made of: its type, its configuration, what it may raise, and how its lane calls it."""

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pydantic

from kling_daemon.contexts import DeliveryContext, HandlerContext
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.events import Item


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


class Handler(Protocol):
    """An open reactor. `handle` may take the event, the context, or both, told apart by these names."""

    @property
    def handle(self) -> Callable[..., Awaitable[Mapping[str, Any] | None] | Mapping[str, Any] | None]:
        """Take one event or notice, async or not; returning acknowledges it, raising has it tried again."""
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
    events: AbstractSet[str]
    """What it reacts to unless the operator says otherwise: `job.completed`, …, `notice`."""


Invoke = Callable[[Item, DeliveryContext], Awaitable[Mapping[str, Any] | None]]
"""How a lane calls an open handler: event hooks and `handle` methods, sync or async, all look like this to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredHandler:
    """One handler of one daemon, its configuration validated, ready to be opened in a lane of its own."""

    name: str
    """Its durable name: the instance's, or the entry point's for a plugin's event hooks."""
    plugin: str
    """The entry point that it comes from."""
    events: frozenset[str]
    depends_on: tuple[str, ...]
    policy: RetryPolicy
    timeout: timedelta
    """How long one attempt may take since it began or since its last heartbeat."""
    concurrency: int
    """How many deliveries it may be given at the same time."""
    rate: float | None
    """How many attempts may begin in a second; None for no limit."""
    open: Callable[[HandlerContext], AbstractAsyncContextManager[Invoke]]
