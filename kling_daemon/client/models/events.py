"""Events, and their replays to a handler."""

from typing import Annotated

import pydantic

from kling_daemon.client.models.answers import CURSOR_PATTERN, Answer
from kling_daemon.client.models.jobs import JobModel
from kling_daemon.client.models.moments import Moment, UtcMoment
from kling_daemon.client.models.words import WordOf
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState


class EventModel(Answer):
    """A stored fact about a job."""

    id: str
    """The same for ever, also from a restored backup: a key for deduplication."""
    type: str
    """`job.status_changed`, `job.completed` or `job.failed`."""
    schema_version: int
    occurred_at: Moment
    """When the daemon learnt it."""
    job_id: str
    previous_state: WordOf[JobState] | None
    """The state before; None where the job became known by this change."""
    job: JobModel
    """The job as it was then."""
    cursor: str
    """Its place in the order of all events."""


class ReplayModel(pydantic.BaseModel):
    """The order to give a handler stored events once more; without filters all that it takes."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    job: str | None = None
    """Only events of this job, which is named as in a path."""
    types: list[EventType] | None = None
    """Only these types."""
    since: UtcMoment | None = None
    """Only events from this moment on."""
    until: UtcMoment | None = None
    """Only events before this moment; before now where it is left out."""
    cursor: Annotated[str, pydantic.Field(pattern=CURSOR_PATTERN)] | None = None
    """The `next` of an earlier answer: the replay goes on there."""
    dry_run: pydantic.StrictBool = False
    """Only count; nothing is delivered."""


class ReplayedModel(Answer):
    """What a part of a replay came to."""

    handler: str
    first: int
    """How many events it is given for the first time."""
    again: int
    """How many events it is given once more."""
    until: Moment
    """The moment before which events are replayed; to be given with `next`, so that the replay comes to an end."""
    next: str | None
    """The cursor of the part that follows; None when there is none."""
