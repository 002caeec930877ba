"""The daemon in numbers, and whether it does its work."""

import pydantic

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.callbacks import SecretModel
from kling_daemon.client.models.moments import Moment


class NoticeModel(Answer):
    """Something that a person should know of."""

    id: str
    kind: str
    subject: str
    message: str
    raised_at: Moment


class MissedModel(Answer):
    """How many jobs of one kind ended without the callback that was due."""

    endpoint: str | None
    generation: str
    model: str | None
    jobs: int


class PunctualityModel(Answer):
    """How well the latest callbacks came for the ends of one kind of job."""

    endpoint: str | None
    generation: str
    model: str | None
    jobs: int
    """Those that were due a callback, of the latest few thousand reports."""
    missed: int
    """None came."""
    late: int
    """It came more than a minute after the end."""
    usual_delay_seconds: float | None
    """The median time from Kling's end to the callback; None when none came."""
    longest_delay_seconds: float | None
    polled_after_seconds: float
    """How long the next jobs are left to their callbacks: `poller.fallback_after`, less where they are unreliable."""


class ReconciliationModel(Answer):
    """What came of the last look at Kling's lists."""

    at: Moment
    """When it began."""
    lists: int
    """How many lists were read."""
    pages: int
    tasks: int
    """How many tasks stood on them."""
    adopted: int
    """Tasks of other programs that are tracked since."""
    settled: int
    """Creates without an answer whose task was found."""
    advanced: int
    """Tracked jobs that had come further."""
    complete: bool
    """False when a list went on past the most pages that are read at a time."""


class StatsModel(Answer):
    """The daemon in numbers, counted over everything that is kept."""

    jobs: dict[str, int]
    """By state."""
    events: dict[str, int]
    """By type."""
    deliveries: dict[str, dict[str, int]]
    """By handler, then by state; what waits for a handler that is not loaded counts as `parked`."""
    callbacks: dict[str, int]
    """By verdict."""
    secrets: list[SecretModel] = pydantic.Field(default_factory=list)
    """The webhook secrets, those included that are no longer configured and have signed what is kept."""
    missed_callbacks: list[MissedModel]
    punctuality: list[PunctualityModel]
    notices: list[NoticeModel]
    """Those whose cause has not gone away."""
    kling_requests: dict[str, int]
    """What Kling was asked since the daemon's start, by kind."""
    overdue: int = 0
    """How many open jobs are overdue."""
    hints: int
    """Unproved task ids that Kling has yet to be asked about."""
    reconciliation: ReconciliationModel | None
    """None when there was no look at Kling's lists since the start: there may be nothing to find out."""


class HealthModel(Answer):
    """Whether the daemon does its work."""

    ready: bool
    reasons: list[str]
    """Why it does not, in short phrases; empty when it does."""
