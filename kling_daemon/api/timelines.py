"""The timelines of the local API: one job's life, told from what the store has kept of it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from kling_daemon.api.jobs import AMBIGUOUS, JobReference, find_job
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Routes, get
from kling_daemon.api.stats import PARKED
from kling_daemon.client.models import TimelineEntryModel, TimelineModel, UnknownModel, UpcomingModel
from kling_daemon.deliveries import OPEN_STATES, DeliveryState
from kling_daemon.store import History, UnfinishedDelivery
from kling_daemon.telemetry.redaction import redact_text

MAX_ENTRIES = 500
"""How many entries a timeline has at most; the latest are told."""

_NOTHING = dict.fromkeys(TimelineEntryModel.model_fields)
_SETTLED = "settled"

SUSPECT = "suspect"
"""The state of a suspect that waits while another one runs."""


class TimelineRoutes(Routes):
    """The route `/api/v1/jobs/{ref}/timeline`."""

    @get("/api/v1/jobs/{ref}/timeline", problems=AMBIGUOUS)
    async def show_timeline(self, ref: JobReference) -> TimelineModel:
        """Tell what happened to one job, and what is to come.

        It bears no results and no signed URLs, so that it can be shown to others.
        """
        read = self._read
        job = await find_job(read, ref)
        history = await read.history(job.id, limit=MAX_ENTRIES + 1)
        if history is None:  # it was there a moment ago: old jobs are deleted at some time
            raise ProblemError(HTTPStatus.NOT_FOUND, "this job is not kept any more")
        loaded = {status.name for status in self._services.handlers()}
        needs = {row.name: row.depends_on for row in await read.handlers()}
        series = self._services.series(job.id)
        return _model(history, loaded, needs).model_copy(
            update={
                "overdue": self._services.polling.is_overdue(job, self._services.clock.now()),
                "unknown": None if series is None else UnknownModel.model_validate(series, from_attributes=True),
            }
        )


def _model(history: History, loaded: Collection[str], needs: Mapping[str, Collection[str]]) -> TimelineModel:
    job, following = history.stored.job, history.stored.following
    told = [_NOTHING | asdict(entry) for entry in history.entries[-MAX_ENTRIES:]]
    complete = len(history.entries) <= MAX_ENTRIES
    if complete:
        told.insert(0, _created(history))
    return TimelineModel(
        id=job.id,
        task_id=job.task_id,
        endpoint=job.endpoint,
        state=job.state,
        reason=job.reason,
        message=redact_text(job.message),
        created_at=job.created_at,
        finished_at=job.finished_at,
        contradicted=job.contradicted,
        callback_missed=job.callback_missed,
        polls=following.polls,
        complete=complete,
        entries=[TimelineEntryModel.model_validate(_without_secrets(entry)) for entry in told],
        upcoming=[*_asking(history), *_deliveries(history.deliveries, loaded, needs)],
    )


def _created(history: History) -> dict[str, Any]:
    job, create = history.stored.job, history.create
    tries = create.tries if create is not None else None
    return _NOTHING | {"kind": "created", "at": job.created_at, "source": job.origin, "count": tries}


def _without_secrets(entry: dict[str, Any]) -> dict[str, Any]:
    error = entry["error"]
    return entry if error is None else entry | {"error": redact_text(error)}


def _asking(history: History) -> Iterator[UpcomingModel]:
    """Tell what is to be sent to Kling."""
    create, following = history.create, history.stored.following
    if create is not None and create.state != _SETTLED:
        yield _upcoming("submission", create.due_at, state=create.state, attempt=create.tries, error=create.error)
    if following.poll_at is not None:
        yield _upcoming("poll", following.poll_at)
    if history.hinted_at is not None:
        yield _upcoming("hint", history.hinted_at)


def _deliveries(
    deliveries: Collection[UnfinishedDelivery], loaded: Collection[str], needs: Mapping[str, Collection[str]]
) -> Iterator[UpcomingModel]:
    """Tell what handlers are still to be given, by the conditions under which deliveries are claimed."""
    opened = [delivery for delivery in deliveries if delivery.state in OPEN_STATES]
    for delivery in deliveries:
        state: str = delivery.state
        runs = state == DeliveryState.RUNNING
        if state == DeliveryState.PENDING and delivery.handler not in loaded:
            state = PARKED
        waits_for = [
            other.handler
            for other in opened
            if (other.handler == delivery.handler and other.event < delivery.event)
            or (other.event == delivery.event and other.handler in needs.get(delivery.handler, ()))
        ]
        if delivery.waits_for_suspect and state != PARKED and not waits_for:
            state = SUSPECT
        yield _upcoming(
            "delivery",
            delivery.claimed_at if runs and delivery.claimed_at is not None else delivery.due_at,
            state=state,
            type=delivery.type,
            handler=delivery.handler,
            delivery=delivery.id,
            attempt=delivery.attempt,
            waits_for=list(dict.fromkeys(waits_for)) if delivery.state is DeliveryState.PENDING else [],
            error=redact_text(delivery.error) if delivery.error is not None else None,
        )


def _upcoming(kind: str, at: Any, **given: Any) -> UpcomingModel:
    nothing = dict.fromkeys(UpcomingModel.model_fields) | {"waits_for": []}
    return UpcomingModel.model_validate(nothing | {"kind": kind, "at": at} | given)
