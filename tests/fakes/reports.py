"""Reports in which everything is plain but what a test says."""

from dataclasses import replace
from typing import Any

from kling_daemon.jobs import Generation, JobState
from kling_daemon.reports import Report, Source
from kling_daemon.testing import START

PLAIN = Report(
    task_id="t1",
    external_id=None,
    generation=Generation.NEW,
    state=JobState.SUCCEEDED,
    reason=None,
    message="",
    outputs=(),
    cost=(),
    created_at=None,
    updated_at=None,
    received_at=START,
    source=Source.CALLBACK,
)


def make_report(task_id: str | None = "t1", state: JobState | None = JobState.SUCCEEDED, **fields: Any) -> Report:
    """Return a report by callback that says nothing but a state."""
    return replace(PLAIN, task_id=task_id, state=state, **fields)
