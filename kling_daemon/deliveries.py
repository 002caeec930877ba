"""A delivery: the promise that one handler gets one event or notice, and what each attempt makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kling_daemon.backoff import Backoff
from kling_daemon.events import Item
from kling_daemon.fast_init import fast_init


class DeliveryState(StrEnum):
    """Where a delivery stands; the first two are open, the others closed."""

    PENDING = "pending"
    """Waiting for its time, its turn, or its handler to be loaded."""
    RUNNING = "running"
    """An attempt is under way under a lease; the attempt is already counted."""
    DONE = "done"
    """The handler returned. It is never called for this again."""
    DEAD = "dead"
    """Attempts or time are used up, or the handler refused it. A person retries or drops it; nothing else does."""
    DROPPED = "dropped"
    """A person closed it. It is never tried again."""


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.RUNNING)

LOSSES_OF_A_SUSPECT = 2
"""How many losses make a delivery a suspect. The SQL of the store says it too, since its index must."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery as a lane has claimed it."""

    id: int
    handler: str
    item: Item
    attempt: int
    """Which attempt this is, from 1."""
    created_at: datetime
    results: Mapping[str, Mapping[str, Any] | None]
    """For each handler that this one depends on: what it returned; None when its delivery is dead or dropped."""
    losses: int = 0
    """How many attempts at it were lost with the daemon, since it was made or a person retried it."""

    @property
    def is_suspect(self) -> bool:
        """Whether it may be what ends the daemon; of all handlers' suspects one at a time is tried.

        So no two deliveries are lost together more than twice, as long as no other outcome sets the losses back: the
        eighth decision (docs/decisions) says why.
        """
        return self.losses >= LOSSES_OF_A_SUSPECT

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt, and again from a restored backup."""
        return f"{self.item.id}:{self.handler}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The handler returned."""

    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The handler raised, or took too long."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """The handler asked to be called later; this costs no attempt."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The handler will never take this."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """We stopped it ourselves; this costs no attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """No attempt was left, so the handler was not called.

    An attempt is counted when it starts, and the daemon's end settles nothing. Without this, a delivery that takes the
    whole process down would do so at every start, for ever.
    """


LEAST_PAUSE = timedelta(seconds=1)
"""What a postponement takes at least: a handler that asks to be called at once, for ever, must not spin."""

Outcome = Acknowledged | Failed | Postponed | Rejected | Interrupted | Exhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often a delivery is tried."""

    max_attempts: int = 12
    backoff: Backoff = field(default=Backoff(least=timedelta(seconds=5), longest=timedelta(hours=6)))
    """The pauses between failed attempts."""
    max_age: timedelta = timedelta(days=7)
    """How long after its creation a delivery may still be postponed by its handler."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What becomes of a delivery after an attempt."""

    state: DeliveryState
    attempt: int
    """The attempts that count, this one given back where it cost none."""
    due_at: datetime
    error: str | None = None
    result: Mapping[str, Any] | None = None


def due_after_loss(losses: int, *, backoff: Backoff, now: datetime, jitter: float) -> datetime:
    """Return when a delivery is tried again whose attempt was lost with the daemon.

    At once after the first loss, which is hardly its fault. From the second on, as a suspect, it backs off: what ends
    the process itself must not do so all the time.
    """
    return now if losses < LOSSES_OF_A_SUSPECT else now + backoff.pause(losses - 1, jitter)


def settle(
    outcome: Outcome,
    *,
    attempt: int,
    created_at: datetime,
    policy: RetryPolicy,
    now: datetime,
    jitter: float,
) -> Settlement:
    """Decide what follows an attempt's outcome."""
    match outcome:
        case Acknowledged(result=result):
            return Settlement(state=DeliveryState.DONE, attempt=attempt, due_at=now, result=result)
        case Rejected(reason=reason):
            return Settlement(state=DeliveryState.DEAD, attempt=attempt, due_at=now, error=reason)
        case Exhausted():
            error = "no attempt is left: the daemon ended during the last one, or max_attempts was lowered"
            return Settlement(state=DeliveryState.DEAD, attempt=attempt - 1, due_at=now, error=error)
        case Interrupted():
            return Settlement(state=DeliveryState.PENDING, attempt=attempt - 1, due_at=now)
        case Postponed(after=after, reason=reason):
            pause = max(after, LEAST_PAUSE)
            # Compared as durations: a handler's pause may reach past the end of the calendar.
            if pause > policy.max_age - (now - created_at):
                error = f"postponed past its maximum age of {policy.max_age}: {reason}"
                return Settlement(state=DeliveryState.DEAD, attempt=attempt - 1, due_at=now, error=error)
            return Settlement(state=DeliveryState.PENDING, attempt=attempt - 1, due_at=now + pause, error=reason)
        case Failed(error=error):
            if attempt >= policy.max_attempts:
                return Settlement(state=DeliveryState.DEAD, attempt=attempt, due_at=now, error=error)
            due_at = now + policy.backoff.pause(attempt, jitter)
            return Settlement(state=DeliveryState.PENDING, attempt=attempt, due_at=due_at, error=error)
