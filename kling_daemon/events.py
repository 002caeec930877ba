"""What has happened: events are stored facts about a job, notices are stored facts about the daemon."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from kling_daemon.clock import from_rfc3339, optional, to_rfc3339
from kling_daemon.fast_init import fast_init
from kling_daemon.ids import derived_id, new_id
from kling_daemon.jobs import Job, JobState
from kling_daemon.reports import Change

SCHEMA_VERSION = 1
"""The version of an event's JSON form; it rises when a reader of the old form would misread the new one."""


class EventType(StrEnum):
    """What can happen to a job."""

    STATUS_CHANGED = "job.status_changed"
    """The job entered a state; at most once per state and in rising order. States that nobody saw get none."""
    COMPLETED = "job.completed"
    """The job succeeded; once, right after its last status change. No `job.failed` follows."""
    FAILED = "job.failed"
    """The job failed; once, right after its last status change. No `job.completed` follows."""


NOTICE = "notice"
"""What a handler names among its events to be given the notices as well."""

SUBSCRIBABLE: tuple[str, ...] = (*EventType, NOTICE)
"""Everything that a handler may subscribe to."""


class NoticeKind(StrEnum):
    """What an operator is told of."""

    DELIVERY_DEAD = "delivery.dead"
    """A handler's attempts at one event are used up or it refused the event; a person decides what follows."""
    HANDLER_CLOSED = "handler.closed"
    """A configured handler cannot open; its deliveries wait while it is tried again."""
    KLING_SILENT = "kling.silent"
    """Kling has not given a usable answer for a while; jobs are polled when it does."""
    KLING_CREDENTIALS = "kling.credentials"
    """Kling refuses our credentials or our address; nothing can be asked or submitted."""
    KLING_ACCOUNT = "kling.account"
    """Kling answers, but does not know jobs that it has taken: the key may be another account's. None is ended."""
    JOBS_OVERDUE = "jobs.overdue"
    """Jobs have been open for too long. None is ended because of that."""
    RESULTS_EXPIRING = "results.expiring"
    """A handler has not got completed jobs whose results Kling is about to delete."""
    TLS_CERTIFICATE = "tls.certificate"
    """A listener's certificate is about to end, or its files hold none that can be used while the one before is."""
    STORE_SPACE = "store.space"
    """The state directory's disk is nearly full: what people ask for is refused, so that callbacks find room."""
    KLING_STATUS = "kling.status"
    """Kling says of a task that it stands as no version of Kling's API that is known here says."""
    KLING_CONTRADICTION = "kling.contradiction"
    """Kling has told of two ends of one job, or two results; the first end stands, Kling is asked for the results."""
    KLING_REFUSED = "kling.refused"
    """Kling takes no jobs at a path: its model may be retired, or the account may not use it. They fail `rejected`."""
    KLING_BALANCE = "kling.balance"
    """The account is in arrears or its resource pack is empty; submissions are held."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One stored fact about a job."""

    id: str
    """A UUIDv5 of job, type and state: the same again after a backup was restored. A key for deduplication."""
    type: EventType
    schema_version: int = SCHEMA_VERSION
    occurred_at: datetime
    """When the daemon learnt it."""
    job_id: str
    previous_state: JobState | None
    """The state before; None where the job became known by this change."""
    job: Job
    """The job as it was then."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API and handlers show."""
        return {
            "id": self.id,
            "type": self.type,
            "schema_version": self.schema_version,
            "occurred_at": to_rfc3339(self.occurred_at),
            "job_id": self.job_id,
            "previous_state": self.previous_state,
            "job": self.job.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            id=data["id"],
            type=EventType(data["type"]),
            schema_version=data["schema_version"],
            occurred_at=from_rfc3339(data["occurred_at"]),
            job_id=data["job_id"],
            previous_state=optional(JobState, data["previous_state"]),
            job=Job.from_json(data["job"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One stored fact about the daemon that a person should know."""

    id: str
    kind: NoticeKind
    subject: str
    """What it is about: a delivery's id, a handler's name, an account; one open notice per kind and subject."""
    message: str
    """A sentence that says what is wrong and what to do."""
    raised_at: datetime

    @property
    def type(self) -> str:
        """Always `notice`: whoever is given events and notices tells them apart by their `type`."""
        return NOTICE

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API and handlers show."""
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "message": self.message,
            "raised_at": to_rfc3339(self.raised_at),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            id=data["id"],
            kind=NoticeKind(data["kind"]),
            subject=data["subject"],
            message=data["message"],
            raised_at=from_rfc3339(data["raised_at"]),
        )


Item = JobEvent | Notice
"""What is told and delivered: an event or a notice."""


def notice(kind: NoticeKind, subject: str, message: str, now: datetime) -> Notice:
    """Return a fresh notice."""
    return Notice(id=new_id(now), kind=kind, subject=subject, message=message, raised_at=now)


def event_id(job_id: str, event_type: EventType, state: JobState) -> str:
    """Return an event's id, derived so that a restored backup emits the same key again."""
    return derived_id("event:" + job_id + ":" + event_type + ":" + state)


def events_of(change: Change, occurred_at: datetime) -> tuple[JobEvent, ...]:
    """Return the events that a change emits, in their order; none when the state did not rise."""
    if not change.advanced:
        return ()
    state = change.job.state
    types = [EventType.STATUS_CHANGED]
    if state.is_terminal:
        types.append(EventType.COMPLETED if state is JobState.SUCCEEDED else EventType.FAILED)
    return tuple([
        JobEvent(
            id=event_id(change.job.id, event_type, state),
            type=event_type,
            occurred_at=occurred_at,
            job_id=change.job.id,
            previous_state=change.previous_state,
            job=change.job,
        )
        for event_type in types
    ])  # fmt: skip
