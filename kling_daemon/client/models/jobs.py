"""Jobs and their results, as the API answers them."""

import pydantic

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment
from kling_daemon.jobs import JobState


class FileModel(Answer):
    """One downloadable file of an output."""

    role: str
    url: str = pydantic.Field(repr=False)
    expires_at: Moment | None


class OutputModel(Answer):
    """One result of a job."""

    type: str
    id: str | None
    url: str | None = pydantic.Field(repr=False)
    """The main file's URL."""
    duration: str | None
    """Length in seconds, as Kling's text."""
    files: list[FileModel]


class ChargeModel(Answer):
    """One line of what Kling charged."""

    kind: str
    amount: str
    unit: str | None


class JobModel(Answer):
    """A job; `kling_daemon.jobs.Job` tells what each field means."""

    id: str
    task_id: str | None
    external_id: str | None
    account: str
    generation: str
    endpoint: str | None
    model: str | None
    state: JobState
    reason: str | None
    message: str
    outputs: list[OutputModel]
    cost: list[ChargeModel]
    tags: dict[str, str]
    origin: str
    created_at: Moment
    submitted_at: Moment | None
    updated_at: Moment
    finished_at: Moment | None
    contradicted: bool
    callback_missed: bool
    overdue: bool = False
    """Whether it has been open for longer than `poller.overdue_after`; never said of the job in an event."""
