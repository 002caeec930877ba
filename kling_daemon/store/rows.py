"""How jobs stand in the database: a column for each part, outputs, cost and tags as JSON, times as milliseconds.

Events and notices are read here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from kling_daemon.clock import from_millis, optional, to_millis
from kling_daemon.events import EventType, JobEvent, Notice, NoticeKind
from kling_daemon.fast_init import fast_init
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin, Stamps
from kling_daemon.outputs import Charge, Output, OutputFile
from kling_daemon.polling import Following
from kling_daemon.store.json_text import to_json_text

JOB_COLUMNS = (
    "seq", "id", "account", "task_id", "external_id", "generation", "endpoint", "model", "state", "reason", "message",
    "outputs", "cost", "tags", "origin", "created_at", "submitted_at", "updated_at", "finished_at", "contradicted",
    "callback_missed", "outputs_stamp", "cost_stamp", "verdict_stamp", "callback_expected", "prompted", "polls",
    "poll_at",
)  # fmt: skip
"""The columns of `jobs`, in the order in which rows are read and written here, and in which snapshots list them."""

_FOLLOWING = JOB_COLUMNS.index("callback_expected")
"""Where the columns of the job itself end, and those of its following begin."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job with its row number and how it is followed."""

    seq: int
    job: Job
    following: Following


def to_row(stored: StoredJob) -> tuple[Any, ...]:
    """Return the values of a job's row, in the order of JOB_COLUMNS."""
    job, following = stored.job, stored.following
    stamps = job.stamps
    return (
        stored.seq,
        job.id,
        job.account,
        job.task_id,
        job.external_id,
        str(job.generation),
        job.endpoint,
        job.model,
        str(job.state),
        str(job.reason) if job.reason else None,
        job.message,
        to_json_text([_output_to_list(output) for output in job.outputs]) if job.outputs else "[]",
        to_json_text([(charge.kind, charge.amount, charge.unit) for charge in job.cost]) if job.cost else "[]",
        to_json_text(dict(job.tags)) if job.tags else "{}",
        str(job.origin),
        to_millis(job.created_at),
        optional(to_millis, job.submitted_at),
        to_millis(job.updated_at),
        optional(to_millis, job.finished_at),
        int(job.contradicted),
        int(job.callback_missed),
        optional(to_millis, stamps.outputs),
        optional(to_millis, stamps.cost),
        optional(to_millis, stamps.verdict),
        int(following.callback_expected),
        int(following.prompted),
        following.polls,
        optional(to_millis, following.poll_at),
    )


def to_snapshot(row: Sequence[Any]) -> str:
    """Return a job's row as the JSON list that an event keeps: the job as it was then."""
    return to_json_text(row)


def from_snapshot(text: str) -> Job:
    """Read the job that `to_snapshot` wrote.

    New columns are only ever added at the end, so the list of an older version is a shorter one; whoever adds a column
    that belongs to the job gives it its default here.
    """
    return _job(from_json(text))


def from_row(row: Sequence[Any]) -> StoredJob:
    """Read a row whose values come in the order of JOB_COLUMNS."""
    callback_expected, prompted, polls, poll_at = row[_FOLLOWING:]
    return StoredJob(
        seq=row[0],
        job=_job(row),
        following=Following(
            callback_expected=bool(callback_expected),
            prompted=bool(prompted),
            polls=polls,
            poll_at=optional(from_millis, poll_at),
        ),
    )


def event_from_row(row: Sequence[Any]) -> tuple[int, JobEvent]:
    """Read a row of `{event}`: the event's row number, and the event."""
    seq, id_, type_, previous, occurred_at, snapshot = row
    job = from_snapshot(snapshot)
    return seq, JobEvent(
        id=id_,
        type=EventType(type_),
        occurred_at=from_millis(occurred_at),
        job_id=job.id,
        previous_state=optional(JobState, previous),
        job=job,
    )


def notice_from_row(row: Sequence[Any]) -> Notice:
    """Read a row of `{notice}`."""
    id_, kind, subject, message, raised_at = row
    return Notice(id=id_, kind=NoticeKind(kind), subject=subject, message=message, raised_at=from_millis(raised_at))


def _job(row: Sequence[Any]) -> Job:
    (
        _seq, id_, account, task_id, external_id, generation, endpoint, model, state, reason, message,
        outputs, cost, tags, origin, created_at, submitted_at, updated_at, finished_at, contradicted,
        callback_missed, outputs_stamp, cost_stamp, verdict_stamp,
    ) = row[:_FOLLOWING]  # fmt: skip
    return Job(
        id=id_,
        task_id=task_id,
        external_id=external_id,
        account=account,
        generation=Generation(generation),
        endpoint=endpoint,
        model=model,
        state=JobState(state),
        reason=optional(FailureReason, reason),
        message=message,
        outputs=tuple([_output_from_list(output) for output in from_json(outputs)]) if outputs != "[]" else (),
        cost=tuple([Charge(kind=kind, amount=amount, unit=unit) for kind, amount, unit in from_json(cost)]),
        tags=from_json(tags) if tags != "{}" else {},
        origin=Origin(origin),
        created_at=from_millis(created_at),
        submitted_at=optional(from_millis, submitted_at),
        updated_at=from_millis(updated_at),
        finished_at=optional(from_millis, finished_at),
        contradicted=bool(contradicted),
        callback_missed=bool(callback_missed),
        stamps=Stamps(
            outputs=optional(from_millis, outputs_stamp),
            cost=optional(from_millis, cost_stamp),
            verdict=optional(from_millis, verdict_stamp),
        ),
    )


def _output_to_list(output: Output) -> tuple[Any, ...]:
    files = [(file.role, file.url, optional(to_millis, file.expires_at)) for file in output.files]
    return output.type, output.id, output.duration, files


def _output_from_list(parts: Sequence[Any]) -> Output:
    type_, id_, duration, files = parts
    return Output(
        type=type_,
        id=id_,
        duration=duration,
        files=tuple(
            [
                OutputFile(role=role, url=url, expires_at=optional(from_millis, expires_at))
                for role, url, expires_at in files
            ]
        ),
    )
