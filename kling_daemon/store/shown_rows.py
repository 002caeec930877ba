"""Rows as people and programs are shown them: deliveries, kept callbacks, and handlers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kling_daemon.clock import from_millis, optional
from kling_daemon.deliveries import DeliveryState

_EARLIEST, _LATEST = 0, 253_402_300_799_999
"""The milliseconds from 1970 to the end of the year 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery as people see it."""

    id: int
    handler: str
    type: str
    """The event's type, or `notice`."""
    item_id: str
    """The event's or notice's id."""
    job_id: str | None
    state: DeliveryState
    attempt: int
    losses: int
    """How many attempts the daemon ended during; from two on it is a suspect, one of which runs at a time."""
    held: str | None
    """What a pending one waits for besides its time: an `earlier` event of its job, a `dependency`, a `suspect`."""
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    error: str | None
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRow:
    """A kept callback without its body: a row for each webhook-id, body and capability."""

    id: int
    webhook_id: str
    """Empty when it had none."""
    digest: str
    """The first 16 bytes of the body's SHA-256, in hex."""
    verdict: str
    secret: str | None
    """The name of the secret that matched; None without a signature."""
    job_id: str | None
    received_at: datetime
    """When it came first."""
    last_at: datetime
    count: int
    """How often it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRow:
    """A handler as the registry knows it, loaded or not."""

    name: str
    events: tuple[str, ...]
    depends_on: tuple[str, ...]
    first_at: datetime
    loaded_at: datetime


def delivery_from_row(row: Mapping[str, Any]) -> DeliveryRow:
    """Read what `deliveries` selects."""
    return DeliveryRow(
        id=row["seq"],
        handler=row["handler"],
        type=row["type"],
        item_id=row["item_id"],
        job_id=row["job_id"],
        state=DeliveryState(row["state"]),
        attempt=row["attempt"],
        losses=row["losses"],
        held=row["held"],
        due_at=from_millis(row["due_at"]),
        created_at=from_millis(row["created_at"]),
        finished_at=optional(from_millis, row["finished_at"]),
        error=row["error"],
        result=optional(json.loads, row["result"]),
    )


def callback_from_row(row: Mapping[str, Any]) -> CallbackRow:
    """Read what `callbacks` selects."""
    return CallbackRow(
        id=row["seq"],
        webhook_id=row["webhook_id"],
        digest=row["digest"].hex(),
        verdict=row["verdict"],
        secret=row["secret"],
        job_id=row["job_id"],
        received_at=evident_moment(row["received_at"]),
        last_at=evident_moment(row["last_at"]),
        count=row["count"],
    )


def evident_moment(millis: int) -> datetime:
    """Return when a kept callback came, or the nearest moment that can be written.

    Evidence may have been altered: one row with a time of no calendar must not keep the others from being checked.
    """
    return from_millis(min(max(millis, _EARLIEST), _LATEST))


def handler_from_row(row: Mapping[str, Any]) -> HandlerRow:
    """Read what `handlers` selects."""
    return HandlerRow(
        name=row["name"],
        events=tuple(json.loads(row["events"])),
        depends_on=tuple(json.loads(row["depends_on"])),
        first_at=from_millis(row["first_at"]),
        loaded_at=from_millis(row["loaded_at"]),
    )
