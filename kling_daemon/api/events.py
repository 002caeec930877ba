"""The events of the local API: what has happened to all jobs, in parts of a list or as it happens."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pydantic
from aiohttp import web

from kling_daemon.api.cursors import to_cursor
from kling_daemon.api.event_streams import MEDIA_TYPE, wants_stream
from kling_daemon.api.jobs import NAMED_JOB, find_job
from kling_daemon.api.problems import bad_request
from kling_daemon.api.queries import Moment, Paging, split
from kling_daemon.api.routes import Routes, get
from kling_daemon.client.models import EventModel, Page
from kling_daemon.events import EventType, JobEvent
from kling_daemon.store import EventFilter, Reader


class Order(StrEnum):
    """In which order a list comes."""

    LATEST = "latest"
    """What happened last comes first."""
    OLDEST = "oldest"
    """What happened first comes first."""


Types = Annotated[tuple[EventType, ...], pydantic.Field(min_length=1), pydantic.BeforeValidator(split)]


class EventsQuery(Paging):
    """Which events are listed, and in which order."""

    job: str | None = None
    """Only events of this job, which is named as in a path."""
    type: Types | None = None
    """Only these types, with commas between them."""
    since: Moment | None = None
    """Only events from this moment on."""
    until: Moment | None = None
    """Only events before this moment."""
    order: Order = Order.LATEST


class EventRoutes(Routes):
    """The route `/api/v1/events`."""

    @get("/api/v1/events", problems=NAMED_JOB, media=(MEDIA_TYPE,))
    async def list_events(self, query: EventsQuery, request: web.Request) -> Page[EventModel] | web.StreamResponse:
        """List events, the latest first; or tell of them as they happen.

        With `Accept: text/event-stream` the answer is a stream of server-sent events, the oldest first, that begins
        behind the `Last-Event-ID` of the request's header, else behind `cursor`, else at `since`, else now. It takes
        no `until`, `order` and `limit`.
        """
        wanted = await filter_of(query, self._read)
        return await (self._stream(request, query, wanted) if wants_stream(request) else self._list(query, wanted))

    async def _stream(self, request: web.Request, query: EventsQuery, wanted: EventFilter) -> web.StreamResponse:
        for name in ("until", "order", "limit"):
            if name in query.model_fields_set:
                raise bad_request(f"a stream takes no {name}")
        since = await self._services.store.events.before(query.since) if query.since is not None else None
        streams = self._services.streams
        return await streams.serve(request, wanted, await streams.position(request, query.cursor, since))

    async def _list(self, query: EventsQuery, wanted: EventFilter) -> Page[EventModel]:
        events = self._services.store.events
        span = _Span(
            after=await events.before(query.since) if query.since is not None else 0,
            before=await events.before(query.until) + 1 if query.until is not None else None,
        )
        if query.order is Order.LATEST:
            span = span if query.cursor is None else span.until(query.cursor)
            rows = await events.falling(wanted, limit=query.limit + 1, after=span.after, before=span.before)
        else:
            span = span if query.cursor is None else span.since(query.cursor)
            rows = await events.rising(wanted, limit=query.limit + 1, after=span.after, before=span.before)
        part, following = query.cut(rows, lambda row: row[0])
        return Page[EventModel](items=[model_of(seq, event) for seq, event in part], next=following)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Between which rows, both exclusive, a list lies."""

    after: int
    before: int | None

    def since(self, row: int) -> "_Span":
        return _Span(after=max(self.after, row), before=self.before)

    def until(self, row: int) -> "_Span":
        return _Span(after=self.after, before=row if self.before is None else min(self.before, row))


async def filter_of(query: EventsQuery, read: Reader) -> EventFilter:
    """Return which events are asked for; a ProblemError for a job that is not found."""
    job = await find_job(read, query.job) if query.job is not None else None
    return EventFilter(
        types=frozenset(query.type) if query.type is not None else None, job_id=job.id if job is not None else None
    )


def model_of(seq: int, event: JobEvent) -> EventModel:
    """Return an event with its place in the order of all."""
    return EventModel.model_validate(event.as_json() | {"cursor": to_cursor(seq)})
