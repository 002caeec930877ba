"""Deliveries and the attempts at them."""

from typing import Any

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment
from kling_daemon.client.models.words import WordOf
from kling_daemon.deliveries import DeliveryState


class DeliveryModel(Answer):
    """The promise that one handler gets one event or notice, and where it stands."""

    id: int
    handler: str
    type: str
    """The event's type, or `notice`."""
    item_id: str
    """The event's or notice's id."""
    job_id: str | None
    state: WordOf[DeliveryState]
    attempt: int
    losses: int = 0
    """How many attempts the daemon ended during; from two on it is a suspect, one of which runs at a time."""
    held: str | None = None
    """What a pending one waits for besides its time: `parked` (its handler is not configured), `earlier` (an earlier
    event of its job), `dependency` (a handler that comes first), `suspect` (another suspect runs)."""
    due_at: Moment
    created_at: Moment
    finished_at: Moment | None
    error: str | None
    """What the last attempt failed with."""
    result: Any
    """What the handler returned."""


class AttemptModel(Answer):
    """A try at a delivery that has ended."""

    attempt: int
    outcome: str
    """`acknowledged`, `failed`, `postponed`, `rejected`, `interrupted`, `exhausted` or `lost`."""
    error: str | None
    started_at: Moment
    finished_at: Moment


class DeliveryInFullModel(DeliveryModel):
    """A delivery with its attempts."""

    attempts: list[AttemptModel]
    """In their order; the latest 100."""
