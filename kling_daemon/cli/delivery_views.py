"""How deliveries are shown to people: a line each, or one in full."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

from kling_daemon.cli.durations import brief
from kling_daemon.cli.job_views import moment
from kling_daemon.deliveries import LOSSES_OF_A_SUSPECT

if TYPE_CHECKING:
    from kling_daemon.client.models import AttemptModel, DeliveryInFullModel, DeliveryModel

HEADINGS = ("DELIVERY", "HANDLER", "TYPE", "JOB", "STATE", "ATTEMPT", "WHEN", "ERROR")
ATTEMPT_HEADINGS = ("ATTEMPT", "BEGAN", "TOOK", "OUTCOME", "ERROR")
HELD = {
    "parked": "parked: its handler is not configured",
    "earlier": "after an earlier event of its job",
    "dependency": "after a handler that comes first",
    "suspect": "a suspect, waits for its turn",
}
"""What a delivery waits for besides its time."""

_SUSPECT = "; such deliveries, which may be what ends it, are tried one at a time"


def delivery_facts(delivery: "DeliveryInFullModel") -> list[tuple[str, str]]:
    """Return everything about a delivery but its attempts as names and values."""
    return [
        ("delivery", str(delivery.id)),
        ("handler", delivery.handler),
        ("of", delivery.type),
        ("item", delivery.item_id),
        ("job", delivery.job_id or ""),
        ("state", delivery.state),
        ("attempts", str(delivery.attempt)),
        ("made", moment(delivery.created_at)),
        ("held", HELD.get(delivery.held, delivery.held) if delivery.held else ""),
        (
            "lost",
            f"{delivery.losses} times with the daemon{_SUSPECT}" if delivery.losses >= LOSSES_OF_A_SUSPECT else "",
        ),
        ("due", "" if delivery.finished_at else moment(delivery.due_at)),
        ("closed", moment(delivery.finished_at) if delivery.finished_at else ""),
        ("error", delivery.error or ""),
        ("result", "" if delivery.result is None else json.dumps(delivery.result, ensure_ascii=False)),
    ]


def attempt_line(attempt: "AttemptModel") -> tuple[str, ...]:
    """Return an attempt's cells."""
    took = brief(attempt.finished_at - attempt.started_at)
    return str(attempt.attempt), moment(attempt.started_at), took, attempt.outcome, attempt.error or ""


def delivery_line(delivery: "DeliveryModel", now: datetime) -> tuple[str, ...]:
    """Return a delivery's cells."""
    if delivery.held is not None:
        when = HELD.get(delivery.held, delivery.held)
    elif delivery.finished_at is not None:
        when = f"{brief(now - delivery.finished_at)} ago"
    elif delivery.due_at > now:
        when = f"in {brief(delivery.due_at - now)}"
    else:
        when = f"due for {brief(now - delivery.due_at)}"
    return (
        str(delivery.id),
        delivery.handler,
        delivery.type,
        delivery.job_id or "-",
        delivery.state,
        str(delivery.attempt),
        when,
        delivery.error or "",
    )
