"""A job at the simulated Kling, which calls it a task: what was asked for, and how far it has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import Endpoint
from kling_daemon.simulator.plans import Plan

UNITS_OF_A_VIDEO = Decimal("2.5")
UNITS_OF_AN_IMAGE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a valid create asks for."""

    endpoint: Endpoint
    path: str
    """The whole path, with the model in the new generation."""
    model: str | None
    prompt: str
    external_id: str | None
    callback_url: str | None
    images: int
    """How many images are wanted; 0 for a video."""
    watermark: bool
    """A second, watermarked file of each result is wanted."""
    host: str
    """Scheme and host that the client used, without a slash; its result files are offered there."""

    @property
    def slots(self) -> int:
        """How many places under the concurrency limit of its kind it takes."""
        return self.images or 1

    @property
    def units(self) -> Decimal:
        """What its success is billed."""
        return self.images * UNITS_OF_AN_IMAGE or UNITS_OF_A_VIDEO


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedJob:
    """One piece of work at the simulated Kling, as it is at some moment."""

    number: int
    """Its place in the order of creates, from 1; its choices derive from it."""
    id: str
    """18 digits."""
    order: Order
    plan: Plan
    state: JobState
    created_at: datetime
    updated_at: datetime
    file_lifetime: timedelta

    @property
    def message(self) -> str:
        """Kling's words about its state; empty unless it failed."""
        return self.plan.failure or "" if self.state is JobState.FAILED else ""

    @property
    def units(self) -> Decimal:
        """What it was billed so far: nothing before, or without, success."""
        return self.order.units if self.state is JobState.SUCCEEDED else Decimal(0)

    @property
    def expires_at(self) -> datetime:
        """When its result files, if it has any, are no longer served."""
        return self.updated_at + self.file_lifetime
