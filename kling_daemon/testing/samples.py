"""Made-up jobs, events and notices, complete and plausible, of which a test says only what matters to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kling_daemon.events import EventType, JobEvent, Notice, NoticeKind, event_id
from kling_daemon.jobs import Generation, Job, JobState, Origin
from kling_daemon.outputs import Charge, Output, OutputFile
from kling_daemon.testing.clock import START

JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
_TASK_ID = "831922345678901248"
_NOTICE_ID = "01991f2e-6a00-7c3d-8e11-000000000001"
_STATES = {
    EventType.STATUS_CHANGED: JobState.PROCESSING,
    EventType.COMPLETED: JobState.SUCCEEDED,
    EventType.FAILED: JobState.FAILED,
}


def make_output(url: str = "https://results.example/video.mp4?sign=made-up", **overrides: Any) -> Output:
    """Return a video with one file at this URL; an override replaces a field of `Output`."""
    file = OutputFile(role="main", url=url, expires_at=START + timedelta(days=30))
    return replace(Output(type="video", id="831922345678901249", duration="5.0", files=(file,)), **overrides)


def make_job(**overrides: Any) -> Job:
    """Return a text-to-video job that succeeded a minute after its creation; an override replaces a field of `Job`.

    With another `state`, what only a finished or successful job has is left out, unless it is given.
    """
    state = overrides.get("state", JobState.SUCCEEDED)
    succeeded = state is JobState.SUCCEEDED
    job = Job(
        id=JOB_ID,
        task_id=None if state is JobState.QUEUED else _TASK_ID,
        external_id=None,
        account="default",
        generation=Generation.NEW,
        endpoint="/text-to-video/kling-3.0",
        model="kling-3.0",
        state=state,
        reason=None,
        message="",
        outputs=(make_output(),) if succeeded else (),
        cost=(Charge(kind="unit", amount="5", unit="video"),) if succeeded else (),
        tags={},
        origin=Origin.SUBMITTED,
        created_at=START,
        submitted_at=None if state is JobState.QUEUED else START + timedelta(seconds=1),
        updated_at=START + timedelta(minutes=1),
        finished_at=START + timedelta(minutes=1) if state.is_terminal else None,
        contradicted=False,
        callback_missed=False,
    )
    return replace(job, **{"external_id": overrides.get("id", job.id), **overrides})


def make_event(
    type: str = EventType.COMPLETED,  # noqa: A002 - the field's name
    *,
    previous_state: JobState | None = JobState.PROCESSING,
    occurred_at: datetime = START + timedelta(minutes=1),
    **job: Any,
) -> JobEvent:
    """Return an event of this type about a job in a fitting state; the other arguments are those of `make_job`.

    The same job, type and state give the same event id, as in the daemon.
    """
    event_type = EventType(type)
    subject = make_job(**{"state": _STATES[event_type], **job})
    return JobEvent(
        id=event_id(subject.id, event_type, subject.state),
        type=event_type,
        occurred_at=occurred_at,
        job_id=subject.id,
        previous_state=previous_state,
        job=subject,
    )


def make_notice(**overrides: Any) -> Notice:
    """Return a notice that Kling is silent; an override replaces a field of `Notice`."""
    notice = Notice(
        id=_NOTICE_ID,
        kind=NoticeKind.KLING_SILENT,
        subject="default",
        message="Kling has not answered for 10 minutes; jobs are polled when it does.",
        raised_at=START,
    )
    return replace(notice, **overrides)
