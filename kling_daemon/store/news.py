"""What is handed to the store to be recorded, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kling_daemon.events import JobEvent
from kling_daemon.fast_init import fast_init
from kling_daemon.jobs import Job
from kling_daemon.polling import Following
from kling_daemon.reports import Report


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class RawCallback:
    """A callback as it came, kept as evidence."""

    webhook_id: str
    """The sender's id for it; empty when it had none. Never a key that drops news: it counts with the digest."""
    body: bytes = field(repr=False)
    headers: bytes = field(repr=False)
    """The header lines as they came, without credentials."""
    verdict: str
    secret: str | None
    """The name of the secret that matched."""
    received_at: datetime


class HintWeight(StrEnum):
    """How much an unproved callback is worth."""

    JOB = "job"
    """It bore a capability, or a signature that is to be confirmed: its job is polled at once."""
    NONE = "none"
    """Anybody can send it: its task id waits until there is time to ask Kling."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing learnt about one job, to be recorded in one transaction."""

    report: Report | None = None
    """What is believed; None for a hint, or for a callback that is only kept."""
    callback: RawCallback | None = None
    recount: bool = True
    """False when a kept callback is read again: it did not come once more."""
    job_id: str | None = None
    """The job it is about, where a capability or our own submission names it."""
    polled_at: datetime | None = None
    """When Kling was asked because the job was due, or for a list; None for other news, answers to hints included."""
    only_if: Following | None = None
    """Recorded only if the job is still followed exactly so, which means that nothing has come of it meanwhile."""
    adopt: bool = False
    """Make a job of a task that is not known yet."""
    tags: Mapping[str, str] | None = None
    """What is noted on a job that is made so."""
    hint: HintWeight | None = None
    hinted_task_id: str | None = None
    """The task id that a hint names; without a job that it is about, what Kling is asked about when there is time."""


class Effect(StrEnum):
    """What recording did."""

    ADVANCED = "advanced"
    """The job's state rose, or the job was made; events follow."""
    MERGED = "merged"
    """The job learnt something, its state stayed."""
    UNCHANGED = "unchanged"
    """Nothing new: a repetition, or old news."""
    CONTRADICTED = "contradicted"
    """Kling reports another end than the one that stands, or other results."""
    HINTED = "hinted"
    """Kling will be asked."""
    IGNORED = "ignored"
    """No job is tracked for it, and none was to be made."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one piece of news has led to; committed."""

    effect: Effect
    job: Job | None
    """The job that it is about; of what was ignored, one that it may be about, since no task is known of it yet."""
    events: tuple[JobEvent, ...]
    evicted_hints: int = 0
