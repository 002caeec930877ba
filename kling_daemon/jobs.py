"""A job: one piece of work that Kling does for us, and the states it passes through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from kling_daemon.clock import from_rfc3339, optional, to_rfc3339
from kling_daemon.fast_init import fast_init
from kling_daemon.outputs import Charge, Output


class JobState(StrEnum):
    """How far a job has come; it only ever rises, and the last two are ends."""

    QUEUED = "queued"
    """Ours, stored, not yet accepted by Kling. Nothing is paid."""
    SUBMITTED = "submitted"
    """Kling has taken it and given it a task id. Work has not begun."""
    PROCESSING = "processing"
    """Kling works on it. Nothing can be fetched yet."""
    SUCCEEDED = "succeeded"
    """Kling has finished it; the outputs can be fetched until they expire. Nothing follows."""
    FAILED = "failed"
    """It will yield nothing, for the job's reason. Nothing follows."""

    @property
    def rank(self) -> int:
        """Its place in the order in which states are passed; both ends share the highest."""
        return _RANKS[self]

    @property
    def is_terminal(self) -> bool:
        """True for the two ends."""
        return self is JobState.SUCCEEDED or self is JobState.FAILED


_RANKS = {
    JobState.QUEUED: 0,
    JobState.SUBMITTED: 1,
    JobState.PROCESSING: 2,
    JobState.SUCCEEDED: 3,
    JobState.FAILED: 3,
}


class FailureReason(StrEnum):
    """Why a job failed."""

    MODERATION = "moderation"
    """Kling's content rules refused the input or the result."""
    INPUT = "input"
    """Kling could not fetch or read what the job refers to."""
    REJECTED = "rejected"
    """Kling refused the create: no task ever existed and nothing is billed."""
    CANCELLED = "cancelled"
    """A person gave it up while it was queued: nothing was sent and nothing is billed. Kling can cancel nothing."""
    UNCONFIRMED = "unconfirmed"
    """The create got no clear answer and nobody can be asked whether the task exists. It is never sent again."""
    LOST = "lost"
    """Kling has repeatedly said that it does not know it, while it knows the jobs made around it."""
    DELETED = "deleted"
    """Kling says that the result was deleted."""
    OTHER = "other"
    """Kling gave another message, or none."""


class Generation(StrEnum):
    """Which of Kling's two API generations a job belongs to."""

    LEGACY = "legacy"
    """`/v1/…`, the model in the body."""
    NEW = "new"
    """Since mid-2026: the model in the path."""


class Origin(StrEnum):
    """How the daemon came to know a job."""

    SUBMITTED = "submitted"
    """The daemon created it; its external id is ours."""
    ADOPTED = "adopted"
    """Another program created it and Kling told us of it."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Which of Kling's update times stands behind each part that reports may replace; never shown."""

    outputs: datetime | None = None
    cost: datetime | None = None
    verdict: datetime | None = None


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work that Kling does for us, as known at some moment."""

    id: str
    """Ours, a UUID; for a job that we created also its external id at Kling."""
    task_id: str | None
    """Kling's id, an opaque string; None until Kling has taken the job."""
    external_id: str | None
    """The id that the creator gave it at Kling; None when there is none or it is not known."""
    account: str
    """The configured Kling account it belongs to."""
    generation: Generation
    endpoint: str | None
    """The path it was created at, such as `/text-to-video/kling-3.0`; None when not known."""
    model: str | None
    state: JobState
    reason: FailureReason | None
    """Why it failed; None for any other state."""
    message: str
    """Kling's own words, empty when it said nothing."""
    outputs: tuple[Output, ...]
    cost: tuple[Charge, ...]
    tags: Mapping[str, str]
    """What the submitter noted; Kling never sees it."""
    origin: Origin
    created_at: datetime
    """When it was asked for: our intent, or Kling's creation time for an adopted job."""
    submitted_at: datetime | None
    """When Kling created its task, by Kling's clock where Kling said."""
    updated_at: datetime
    """The latest of Kling's update times that was reported, or when we last heard."""
    finished_at: datetime | None
    """When it reached its end, by Kling's clock where Kling said."""
    contradicted: bool
    """Kling has reported two different ends, of which the first one committed stands, or one with different results."""
    callback_missed: bool
    """A callback was due for its end and did not come in time; a poll found it."""
    stamps: Stamps = field(default=Stamps(), repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API, events and sidecars show."""
        return {
            "id": self.id,
            "task_id": self.task_id,
            "external_id": self.external_id,
            "account": self.account,
            "generation": self.generation,
            "endpoint": self.endpoint,
            "model": self.model,
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "outputs": [output.as_json() for output in self.outputs],
            "cost": [charge.as_json() for charge in self.cost],
            "tags": dict(self.tags),
            "origin": self.origin,
            "created_at": to_rfc3339(self.created_at),
            "submitted_at": optional(to_rfc3339, self.submitted_at),
            "updated_at": to_rfc3339(self.updated_at),
            "finished_at": optional(to_rfc3339, self.finished_at),
            "contradicted": self.contradicted,
            "callback_missed": self.callback_missed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; the stamps, which are not shown, are lost."""
        return cls(
            id=data["id"],
            task_id=data["task_id"],
            external_id=data["external_id"],
            account=data["account"],
            generation=Generation(data["generation"]),
            endpoint=data["endpoint"],
            model=data["model"],
            state=JobState(data["state"]),
            reason=optional(FailureReason, data["reason"]),
            message=data["message"],
            outputs=tuple(Output.from_json(output) for output in data["outputs"]),
            cost=tuple(Charge.from_json(charge) for charge in data["cost"]),
            tags=dict(data["tags"]),
            origin=Origin(data["origin"]),
            created_at=from_rfc3339(data["created_at"]),
            submitted_at=optional(from_rfc3339, data["submitted_at"]),
            updated_at=from_rfc3339(data["updated_at"]),
            finished_at=optional(from_rfc3339, data["finished_at"]),
            contradicted=data["contradicted"],
            callback_missed=data["callback_missed"],
        )
