"""A job at the simulated Kling, which calls it a task: what was asked for, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import Endpoint, Slots
from kling_daemon.simulator.catalog import product_of
from kling_daemon.simulator.plans import Failure, Plan


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
    sorts: tuple[str, ...]
    """What is wanted, result by result: keys of `SORTS`."""
    watermark: bool
    """A second, watermarked file of each result is wanted."""
    host: str
    """Scheme and host that the client used, without a slash; its result files are offered there."""
    name: str = ""
    """What a voice or element is to be called."""
    description: str = ""
    parent_video: Mapping[str, str] | None = None
    """The earlier video that it works on, as its answers tell it."""

    @property
    def slots(self) -> int:
        """How many places under the concurrency limit of its kind it takes; none where Kling tells of no limit."""
        if self.endpoint.slots is None:
            return 0
        return len(self.sorts) if self.endpoint.slots is Slots.EACH_IMAGE else 1

    @property
    def units(self) -> Decimal:
        """How many units of a package its success is billed."""
        count = len(self.sorts) if self.endpoint.slots is Slots.EACH_IMAGE else 1
        return count * product_of(self.endpoint).price.units


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedJob:
    """One piece of work at the simulated Kling, as it is at some moment."""

    number: int
    """Its place in the order of creates, from 1; its choices derive from it."""
    account: str
    """The name of the account that it belongs to."""
    id: str
    """18 digits."""
    order: Order
    plan: Plan
    state: JobState
    created_at: datetime
    updated_at: datetime
    file_lifetime: timedelta
    is_deleted: bool = False
    """The voice or element that it has made was deleted since."""

    @property
    def word(self) -> str:
        """The status word under which it is told in the new dialect; the legacy one differs for a success."""
        if self.plan.strange_word is not None and self.state is JobState.PROCESSING:
            return self.plan.strange_word
        if self.plan.failure is Failure.DELETED and self.state is JobState.FAILED:
            return Failure.DELETED
        return str(self.state)

    @property
    def message(self) -> str:
        """Kling's words about its state; empty unless it failed, and when it was deleted."""
        is_told = self.state is JobState.FAILED and self.plan.failure is not Failure.DELETED
        return self.plan.failure or "" if is_told else ""

    @property
    def units(self) -> Decimal:
        """The units it was billed so far: none before, or without, success."""
        return self.order.units if self.state is JobState.SUCCEEDED else Decimal(0)

    @property
    def cash(self) -> Decimal:
        """The dollars it was billed so far, likewise."""
        return product_of(self.order.endpoint).price.dollars if self.state is JobState.SUCCEEDED else Decimal(0)

    @property
    def expires_at(self) -> datetime:
        """When its result files, if it has any, are no longer served."""
        return self.updated_at + self.file_lifetime
