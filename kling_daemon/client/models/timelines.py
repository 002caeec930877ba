"""A job's life as a story: what happened to it, and what is to come."""

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment
from kling_daemon.client.models.words import WordOf
from kling_daemon.jobs import JobState


class TimelineEntryModel(Answer):
    """One thing that happened to a job; what does not apply to its kind is None."""

    kind: str
    """`created`, `callback`, `report`, `event` or `attempt`."""
    at: Moment
    until: Moment | None
    """Of a callback: when it came last. Of an attempt: when it ended."""
    source: str | None
    """Of a report that came by no kept callback: `poll`, `submission`; of `created`: the job's origin."""
    verdict: str | None
    """Of a callback."""
    count: int | None
    """How often a callback came, or the create was sent."""
    state: str | None
    previous_state: str | None
    effect: str | None
    """What the report did to the job."""
    type: str | None
    """The type of an event, or of the event that an attempt was made at."""
    handler: str | None
    delivery: int | None
    attempt: int | None
    outcome: str | None
    error: str | None


class UpcomingModel(Answer):
    """One thing that is still to come for a job, or that waits for a person."""

    kind: str
    """`submission`, `poll`, `hint` or `delivery`."""
    at: Moment
    """When it is due; of what runs, when it began."""
    state: str | None
    """Of a delivery: its state, `parked`, or `suspect` (another suspect runs); of a submission: how it stands."""
    type: str | None
    handler: str | None
    delivery: int | None
    attempt: int | None
    """How many attempts have been counted."""
    waits_for: list[str]
    """The handlers that have to be done first; its own name where an earlier event of the job has to be."""
    error: str | None


class UnknownModel(Answer):
    """That Kling, whenever it was asked of late, has not known a job."""

    answers: int
    """How often in a row."""
    since: Moment
    """Since when; the series begins anew when the daemon starts, and when Kling could not be asked."""
    finding: str | None
    """What came of asking for the jobs made around it: `doubtful` where Kling does not know those either, `alone` where
    there are none, `open` where nothing follows; null before that."""


class TimelineModel(Answer):
    """One job's life as it was and as it will go on, without its results and whatever else is secret."""

    id: str
    task_id: str | None
    endpoint: str | None
    state: WordOf[JobState]
    reason: str | None
    message: str
    created_at: Moment
    finished_at: Moment | None
    contradicted: bool
    callback_missed: bool
    polls: int
    """How often Kling was asked since the last callback or submission."""
    overdue: bool = False
    """Whether it has been open for longer than `poller.overdue_after`."""
    unknown: UnknownModel | None = None
    """Told while Kling does not know it."""
    complete: bool
    """False when the earliest entries are left out, since there are too many."""
    entries: list[TimelineEntryModel]
    upcoming: list[UpcomingModel]
