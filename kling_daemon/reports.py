"""What Kling said about a job, and how believed reports, in any order, make one truth of it.

Folding is a join: every part of a job is the greatest of what was reported for it under a fixed order, so that
order, repetition and the mix of callbacks and polls cannot matter. Only where they contradict each other is it
otherwise: of two ends the first one committed stands, and of two results what Kling answered last, when it was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Any, Self

from kling_daemon.contradictions import are_other_results
from kling_daemon.fast_init import fast_init
from kling_daemon.ids import adopted_job_id
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin, Stamps
from kling_daemon.outputs import Charge, Output


class Source(StrEnum):
    """How a report reached us."""

    CALLBACK = "callback"
    """Kling sent it and it was believed as it stood."""
    POLL = "poll"
    """We asked Kling."""
    SUBMISSION = "submission"
    """It answered our create, or our look-up of an ambiguous one."""
    CANCELLATION = "cancellation"
    """Not Kling but a person: the job was given up before it was sent."""
    ABANDONMENT = "abandonment"
    """A person as well: a job that Kling has taken was given up for good."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One believed statement of Kling's about one job."""

    task_id: str | None
    """Kling's id; None only where a create was refused or given up."""
    external_id: str | None
    generation: Generation
    state: JobState | None
    """The state it speaks of; None for a status word we do not know, which changes no state."""
    reason: FailureReason | None
    """For `failed` only: why."""
    message: str
    outputs: tuple[Output, ...]
    cost: tuple[Charge, ...]
    created_at: datetime | None
    """Kling's creation time."""
    updated_at: datetime | None
    """Kling's update time, which decides between two versions of the same part; None loses against any."""
    received_at: datetime
    source: Source
    endpoint: str | None = None
    """The path that created the task, where we know it; Kling never says."""
    callback_missed: bool = False
    """A poll found this although a callback was due and nothing prompted us to ask."""
    strange_word: str = ""
    """The status word that we do not know, fit to be shown; empty for any other."""

    @classmethod
    def of_failure(
        cls, job: Job, reason: FailureReason, message: str, *, source: Source, received_at: datetime
    ) -> Self:
        """Return the report that a job has failed by a conclusion or decision of ours; it bears no time of Kling's."""
        return cls(
            task_id=job.task_id,
            external_id=job.external_id,
            generation=job.generation,
            state=JobState.FAILED,
            reason=reason,
            message=message,
            outputs=(),
            cost=(),
            created_at=None,
            updated_at=None,
            received_at=received_at,
            source=source,
        )

    @property
    def stamp(self) -> datetime:
        """Kling's update time, or when it reached us where Kling gave none."""
        return self.updated_at or self.received_at

    @property
    def verdict(self) -> JobState | None:
        """The end it speaks of, if it speaks of one."""
        return self.state if self.state is not None and self.state.is_terminal else None


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one report did to one job."""

    job: Job
    """The job after it."""
    previous_state: JobState | None
    """The state before it; None when the report created the job."""
    advanced: bool
    """The state rose (creation included), so that events follow."""
    contradicted: bool
    """This very report contradicts the end that stands, or its results."""


def adopt(report: Report, account: str, tags: Mapping[str, str] | None = None) -> Change:
    """Make the job that a report about an unknown task speaks of; the report must bear a task id."""
    if report.task_id is None:
        raise ValueError("a report without a task id creates no job")
    ends = report.verdict is not None
    job = Job(
        id=adopted_job_id(account, report.task_id),
        task_id=report.task_id,
        external_id=report.external_id,
        account=account,
        generation=report.generation,
        endpoint=report.endpoint,
        model=None,  # Kling names no model in what it says about a task
        # Kling has it, whatever else the report says: an adopted job is never merely queued.
        state=JobState.SUBMITTED if report.state in (None, JobState.QUEUED) else report.state,
        reason=report.reason,
        message=report.message,
        outputs=report.outputs,
        cost=report.cost,
        tags=dict(tags) if tags else {},
        origin=Origin.ADOPTED,
        created_at=report.created_at or report.received_at,
        submitted_at=report.created_at or report.received_at,
        updated_at=report.stamp,
        finished_at=report.stamp if ends else None,
        contradicted=False,
        callback_missed=ends and report.callback_missed,
        stamps=Stamps(
            outputs=report.updated_at if report.outputs else None,
            cost=report.updated_at if report.cost else None,
            verdict=report.updated_at,
        ),
    )
    return Change(job=job, previous_state=None, advanced=True, contradicted=False)


def fold(job: Job, report: Report) -> Change:
    """Return what the job is after one more report; the same report again changes nothing."""
    if job.state.is_terminal and _is_of_deletion(report, job):
        return Change(job=job, previous_state=job.state, advanced=False, contradicted=False)
    differs = _tells_of_other_results(report, job)
    if job.state.is_terminal and (_contradicts(report, job) or (differs and report.source is Source.CALLBACK)):
        contradicted = replace(job, contradicted=True, task_id=job.task_id or report.task_id)
        return Change(job=contradicted, previous_state=job.state, advanced=False, contradicted=True)
    state = job.state
    if report.state is not None and report.state.rank > state.rank:
        state = report.state
    ends = state.is_terminal and not job.state.is_terminal
    message, reason, verdict_stamp = _verdict(job, report, ends=ends)
    outputs, outputs_stamp = (report.outputs, report.updated_at) if differs else _newest_outputs(job, report)
    cost, cost_stamp = _newest_cost(job, report)
    after = Job(
        id=job.id,
        task_id=job.task_id or report.task_id,
        external_id=job.external_id or report.external_id,
        account=job.account,
        generation=job.generation,
        endpoint=job.endpoint or report.endpoint,
        model=job.model,
        state=state,
        reason=reason,
        message=message,
        outputs=outputs,
        cost=cost,
        tags=job.tags,
        origin=job.origin,
        created_at=job.created_at,
        submitted_at=job.submitted_at or _submitted_at(report),
        updated_at=max(job.updated_at, report.stamp),
        finished_at=report.stamp if ends else job.finished_at,
        contradicted=job.contradicted or differs,
        callback_missed=job.callback_missed or (ends and report.callback_missed),
        stamps=Stamps(outputs=outputs_stamp, cost=cost_stamp, verdict=verdict_stamp),
    )
    return Change(job=after, previous_state=job.state, advanced=state is not job.state, contradicted=differs)


def _is_of_deletion(report: Report, ended: Job) -> bool:
    """Return whether, of a report and another end that stands, one tells that what the other yielded was deleted since.

    Voices and elements are deleted by their owner at any time, and their tasks may show it: both ends are true.
    """
    reasons = {(ended.state, ended.reason), (report.verdict, report.reason)}
    return reasons == {(JobState.SUCCEEDED, None), (JobState.FAILED, FailureReason.DELETED)}


def _contradicts(report: Report, ended: Job) -> bool:
    """Return whether a report speaks of another end than the one that stands, or of life after a loss."""
    if report.verdict is not None or ended.reason is not FailureReason.LOST or report.task_id is None:
        return report.verdict not in (None, ended.state)
    # What Kling answers now, or what has happened since; not a callback that was late or comes again.
    return report.source is not Source.CALLBACK or (report.updated_at or ended.updated_at) > ended.updated_at


def _tells_of_other_results(report: Report, job: Job) -> bool:
    """Return whether a report of the end that stands has other results than it.

    Then what Kling answers is taken, whatever it is dated, and what a callback says is not: somebody else may have
    signed it, and Kling is asked because of it.
    """
    if job.state is not JobState.SUCCEEDED or report.verdict is not JobState.SUCCEEDED:
        return False
    return report.outputs != job.outputs and are_other_results(job.outputs, report.outputs)


def _submitted_at(report: Report) -> datetime | None:
    return (report.created_at or report.received_at) if report.task_id is not None else None


def _verdict(job: Job, report: Report, *, ends: bool) -> tuple[str, FailureReason | None, datetime | None]:
    """Choose whose words explain the state: only an end's own reports may explain that end."""
    theirs = report.message, report.reason, report.updated_at
    if ends:
        return theirs
    ours = job.message, job.reason, job.stamps.verdict
    if job.state.is_terminal and report.verdict is None:
        return ours
    return theirs if _verdict_rank(*theirs) > _verdict_rank(*ours) else ours


def _verdict_rank(message: str, reason: FailureReason | None, stamp: datetime | None) -> tuple[Any, ...]:
    # What Kling itself says about a job's end says more than that it had lost it.
    telling = reason not in (None, FailureReason.OTHER, FailureReason.LOST)
    return telling, bool(message), _moment(stamp), message, reason or ""


def _newest_outputs(job: Job, report: Report) -> tuple[tuple[Output, ...], datetime | None]:
    theirs, ours = (report.outputs, report.updated_at), (job.outputs, job.stamps.outputs)
    if not report.outputs or theirs == ours:
        return ours
    if not job.outputs:
        return theirs
    return theirs if _outputs_rank(*theirs) > _outputs_rank(*ours) else ours


def _outputs_rank(outputs: tuple[Output, ...], stamp: datetime | None) -> tuple[Any, ...]:
    """Newer over older; at the same time more files, then those that last longer, then any fixed order."""
    files = [file for output in outputs for file in output.files]
    lasting = max((_moment(file.expires_at) for file in files), default=-inf)
    return _moment(stamp), len(files), lasting, str([output.as_json() for output in outputs])


def _newest_cost(job: Job, report: Report) -> tuple[tuple[Charge, ...], datetime | None]:
    theirs, ours = (report.cost, report.updated_at), (job.cost, job.stamps.cost)
    if not report.cost or theirs == ours:
        return ours
    if not job.cost:
        return theirs
    return theirs if _cost_rank(*theirs) > _cost_rank(*ours) else ours


def _cost_rank(cost: tuple[Charge, ...], stamp: datetime | None) -> tuple[Any, ...]:
    return _moment(stamp), len(cost), repr(cost)


def _moment(stamp: datetime | None) -> float:
    """Order moments; what bears none comes before all that do.

    When a report reached us must not count here: it depends on the order of arrival, which must not matter.
    """
    return stamp.timestamp() if stamp else -inf
