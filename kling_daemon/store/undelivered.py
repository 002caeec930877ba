"""Results of completed jobs that some handler has not got yet, as they are read from the store."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Undelivered(StrEnum):
    """Where a delivery stands that its handler has not got."""

    OPEN = "open"
    """It waits or runs."""
    DEAD = "dead"
    """It waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredResults:
    """A completed job that a handler has not got."""

    job_id: str
    handler: str
    expires_at: datetime
    """When the first of its files will be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredPage:
    """A part of them."""

    results: tuple[UndeliveredResults, ...]
    after: int | None
    """Where to go on; None at the end."""
