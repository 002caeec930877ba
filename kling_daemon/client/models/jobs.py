"""Jobs and their results, as the API answers them."""

import pydantic

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment
from kling_daemon.client.models.words import WordOf
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
    state: WordOf[JobState]
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

    @property
    def has_ended(self) -> bool:
        """Return whether nothing follows; of a state that is not known here, `finished_at` tells it."""
        return self.state.is_terminal if isinstance(self.state, JobState) else self.finished_at is not None

    @property
    def rank(self) -> int:
        """Return how far it has come, as a number that only rises; a state that is not known here is work or an end."""
        if isinstance(self.state, JobState):
            return self.state.rank
        return (JobState.PROCESSING if self.finished_at is None else JobState.SUCCEEDED).rank
