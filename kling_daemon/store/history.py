"""What the store remembers of one job's life: what happened, in its order, and what is still to come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kling_daemon.clock import from_millis, optional
from kling_daemon.deliveries import DeliveryState
from kling_daemon.store.rows import StoredJob


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that happened to a job; what does not apply to its kind is None."""

    kind: str
    """`callback`, `report`, `event` or `attempt`."""
    at: datetime
    """When it came, happened or began."""
    until: datetime | None
    """Of a callback: when it came last. Of an attempt: when it ended."""
    source: str | None
    """Of a report that came by no kept callback: `poll`, `submission`, …."""
    verdict: str | None
    """Of a callback: whether it was believed."""
    count: int | None
    """Of a callback: how often it came."""
    state: str | None
    """What a report or callback spoke of, or what state an event tells of."""
    previous_state: str | None
    effect: str | None
    """What a report or callback did to the job; None for a callback that was no report."""
    type: str | None
    """The type of an event, or of the event that an attempt was made at."""
    handler: str | None
    delivery: int | None
    attempt: int | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """An attempt at a delivery that has ended."""

    attempt: int
    outcome: str
    error: str | None
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedDelivery:
    """A delivery of one of the job's events that is open or dead."""

    id: int
    handler: str
    event: int
    """Its place in the order of events."""
    type: str
    state: DeliveryState
    attempt: int
    due_at: datetime
    claimed_at: datetime | None
    """When its last attempt was begun."""
    error: str | None
    waits_for_suspect: bool
    """It is a suspect, and another one runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRow:
    """How the create of a job stands."""

    state: str
    tries: int
    due_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything about one job's life."""

    stored: StoredJob
    entries: tuple[HistoryEntry, ...]
    """In their order; the latest ones when there are more than were asked for."""
    create: CreateRow | None
    """None for a job that was not created here."""
    deliveries: tuple[UnfinishedDelivery, ...]
    """In the order in which they were made."""
    hinted_at: datetime | None
    """When somebody named its task without proof, if Kling has yet to be asked about that."""


def entry_from_row(row: Any) -> HistoryEntry:
    """Read a row of `history`, whose columns have the names of the fields."""
    values = {name: row[name] for name in HistoryEntry.__slots__}
    return HistoryEntry(**values | {"at": from_millis(row["at"]), "until": optional(from_millis, row["until"])})


def attempt_from_row(row: Any) -> AttemptRow:
    """Read a row of `attempts`."""
    return AttemptRow(
        attempt=row["attempt"],
        outcome=row["outcome"],
        error=row["error"],
        started_at=from_millis(row["started_at"]),
        finished_at=from_millis(row["finished_at"]),
    )


def unfinished_from_row(row: Any) -> UnfinishedDelivery:
    """Read a row of `unfinished_deliveries`."""
    return UnfinishedDelivery(
        id=row["seq"],
        handler=row["handler"],
        event=row["event"],
        type=row["type"],
        state=DeliveryState(row["state"]),
        attempt=row["attempt"],
        due_at=from_millis(row["due_at"]),
        claimed_at=optional(from_millis, row["claimed_at"]),
        error=row["error"],
        waits_for_suspect=bool(row["waits_for_suspect"]),
    )


def create_from_row(row: Any) -> CreateRow:
    """Read a row of `create`."""
    return CreateRow(state=row["state"], tries=row["tries"], due_at=from_millis(row["due_at"]), error=row["error"])
