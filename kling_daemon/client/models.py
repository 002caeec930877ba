"""What the local API answers and takes, as both of its ends read it.

A newer daemon may answer more than is listed here: unknown fields are kept and shown, and words that may be added to
are plain text.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

import pydantic

from kling_daemon.clock import to_rfc3339
from kling_daemon.deliveries import DeliveryState
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState
from kling_daemon.scopes import Scope

Moment = Annotated[
    pydantic.AwareDatetime,
    pydantic.PlainSerializer(to_rfc3339, return_type=str),
    pydantic.WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""An aware moment, written as `2026-11-21T19:18:39.123Z`."""

TokenName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""What may name a token: it stands in paths and in logs."""


CURSOR_PATTERN = "^[A-P][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]$"
"""What a cursor looks like: numbers below 2**62, in one way each."""


def _moment(given: object) -> datetime:
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a moment such as 2026-11-21T19:18:39Z")


UtcMoment = Annotated[datetime, pydantic.BeforeValidator(_moment, json_schema_input_type=pydantic.AwareDatetime)]
"""A moment that a program sends, with any offset."""


class Answer(pydantic.BaseModel):
    """An object that the daemon answers."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    def as_json(self) -> dict[str, Any]:
        """Return the object as the daemon wrote it."""
        return self.model_dump(mode="json")


Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None
    """The cursor of the part that follows; None at the list's end."""


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


class SubmitModel(pydantic.BaseModel):
    """The order to create a job."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "/text-to-video/kling-3.0",
                    "body": {"prompt": "a cat on a windowsill"},
                    "tags": {"shot": "7"},
                }
            ]
        },
    )

    endpoint: str
    """The path at Kling: `/text-to-video/kling-3.0`, `/v1/videos/image2video`, …."""
    body: dict[str, Any]
    """What Kling documents for the path; callback URL and external id are added where they are left out."""
    tags: dict[str, str] = {}
    external_id: str | None = None
    """The id under which the job is created at Kling; by default the daemon's own."""
    idempotency_key: Annotated[str, pydantic.Field(min_length=1, max_length=256)] | None = None
    """Makes the order repeatable: a second one with the same key is answered with the job of the first."""


class CheckModel(pydantic.BaseModel):
    """Orders that are to be looked at and not carried out."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    orders: Annotated[list[SubmitModel], pydantic.Field(max_length=500)]


class CheckedModel(Answer):
    """What would become of an order."""

    refusal: str | None
    """Why it would be refused; None when it would not be."""
    job: JobModel | None
    """The job that its idempotency key has made already."""


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
    previous_state: JobState | None
    """The state before; None where the job became known by this change."""
    job: JobModel
    """The job as it was then."""
    cursor: str
    """Its place in the order of all events."""


class NamedTaskModel(pydantic.BaseModel):
    """A task that is to be tracked, though it was created elsewhere."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    task_id: str
    """Kling's id."""
    endpoint: str | None = None
    """The path that created it; a solution, and with a key pair any older task, is not found without it."""
    external_id: str | None = None
    """The id that its creator gave it, for the case that Kling does not tell."""
    tags: dict[str, str] = {}


class TrackModel(pydantic.BaseModel):
    """Tasks that are to be tracked."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    tasks: Annotated[list[NamedTaskModel], pydantic.Field(max_length=500)]


class TrackedModel(Answer):
    """What became of a task that was to be tracked."""

    task_id: str
    finding: str
    """`tracked`, `known` (it was already), `unknown` (Kling does not know it), `unasked` (Kling could not be asked) or
    `refused`; of the last three nothing is kept."""
    job: JobModel | None
    detail: str
    """Why it is not tracked; empty when it is."""


class DeliveryModel(Answer):
    """The promise that one handler gets one event or notice, and where it stands."""

    id: int
    handler: str
    type: str
    """The event's type, or `notice`."""
    item_id: str
    """The event's or notice's id."""
    job_id: str | None
    state: DeliveryState
    attempt: int
    losses: int = 0
    """How many attempts the daemon ended during; from two on it is a suspect, one of which runs at a time."""
    held: str | None = None
    """What a pending one waits for besides its time: `parked` (its handler is not configured), `earlier` (an earlier
    event of its job), `dependency` (a handler that comes first), `suspect` (another suspect runs)."""
    due_at: Moment
    created_at: Moment
    finished_at: Moment | None
    error: str | None
    """What the last attempt failed with."""
    result: Any
    """What the handler returned."""


class AttemptModel(Answer):
    """A try at a delivery that has ended."""

    attempt: int
    outcome: str
    """`acknowledged`, `failed`, `postponed`, `rejected`, `interrupted`, `exhausted` or `lost`."""
    error: str | None
    started_at: Moment
    finished_at: Moment


class DeliveryInFullModel(DeliveryModel):
    """A delivery with its attempts."""

    attempts: list[AttemptModel]
    """In their order; the latest 100."""


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
    state: JobState
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


class HandlerModel(Answer):
    """A handler that is loaded, or was in an earlier run."""

    name: str
    state: str
    """`opening`, `open`, `closed`, `stopped`; or `unloaded`: its deliveries are parked until it is configured again."""
    reason: str | None
    """Why it is closed."""
    plugin: str | None
    events: list[str]
    depends_on: list[str]
    running: int
    """How many attempts are under way."""
    concurrency: int | None
    first_at: Moment | None
    loaded_at: Moment | None


class ForgottenModel(Answer):
    """What forgetting a handler came to."""

    name: str
    dropped: int
    """How many of its deliveries were waiting or dead, and are dropped."""


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


class PluginModel(Answer):
    """An installed plugin, usable or not."""

    name: str
    distribution: str
    version: str
    status: str
    """`ready`, or `broken` for the problem that is told."""
    problem: str | None
    types: list[str]
    """The handler types that it offers."""
    hooks: list[str]
    """What its event hooks react to."""


class NoticeModel(Answer):
    """Something that a person should know of."""

    id: str
    kind: str
    subject: str
    message: str
    raised_at: Moment


class MissedModel(Answer):
    """How many jobs of one kind ended without the callback that was due."""

    endpoint: str | None
    generation: str
    model: str | None
    jobs: int


class PunctualityModel(Answer):
    """How well the latest callbacks came for the ends of one kind of job."""

    endpoint: str | None
    generation: str
    model: str | None
    jobs: int
    """Those that were due a callback, of the latest few thousand reports."""
    missed: int
    """None came."""
    late: int
    """It came more than a minute after the end."""
    usual_delay_seconds: float | None
    """The median time from Kling's end to the callback; None when none came."""
    longest_delay_seconds: float | None
    polled_after_seconds: float
    """How long the next jobs are left to their callbacks: `poller.fallback_after`, less where they are unreliable."""


class ReconciliationModel(Answer):
    """What came of the last look at Kling's lists."""

    at: Moment
    """When it began."""
    lists: int
    """How many lists were read."""
    pages: int
    tasks: int
    """How many tasks stood on them."""
    adopted: int
    """Tasks of other programs that are tracked since."""
    settled: int
    """Creates without an answer whose task was found."""
    advanced: int
    """Tracked jobs that had come further."""
    complete: bool
    """False when a list went on past the most pages that are read at a time."""


class StatsModel(Answer):
    """The daemon in numbers, counted over everything that is kept."""

    jobs: dict[str, int]
    """By state."""
    events: dict[str, int]
    """By type."""
    deliveries: dict[str, dict[str, int]]
    """By handler, then by state; what waits for a handler that is not loaded counts as `parked`."""
    callbacks: dict[str, int]
    """By verdict."""
    missed_callbacks: list[MissedModel]
    punctuality: list[PunctualityModel]
    notices: list[NoticeModel]
    """Those whose cause has not gone away."""
    kling_requests: dict[str, int]
    """What Kling was asked since the daemon's start, by kind."""
    overdue: int = 0
    """How many open jobs are overdue."""
    hints: int
    """Unproved task ids that Kling has yet to be asked about."""
    reconciliation: ReconciliationModel | None
    """None when there was no look at Kling's lists since the start: there may be nothing to find out."""


class HealthModel(Answer):
    """Whether the daemon does its work."""

    ready: bool
    reasons: list[str]
    """Why it does not, in short phrases; empty when it does."""


class NewTokenModel(pydantic.BaseModel):
    """The order to make a token."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: TokenName
    scope: Scope = Scope.READ


class TokenModel(Answer):
    """A token of the local API, without what it is."""

    name: str
    scope: Scope
    """`read`: sees everything and changes nothing; `admin`: may do everything."""
    made_at: Moment
    used_on: date | None
    """The last day on which it was used, UTC."""


class MadeTokenModel(TokenModel):
    """A token that was made just now."""

    token: str = pydantic.Field(repr=False)
    """The token itself, which is told this once."""


class ProblemModel(Answer):
    """An error, as RFC 9457 writes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
