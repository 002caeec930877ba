"""The events of the local API: what has happened to all jobs, in parts of a list."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from kling_daemon.api.cursors import from_cursor, to_cursor
from kling_daemon.api.jobs import find_job
from kling_daemon.api.queries import PAGING, choice_of, choices_of, cut, limit_of, moment_of, read_query
from kling_daemon.api.services import ApiServices
from kling_daemon.client.models import EventModel
from kling_daemon.events import EventType, JobEvent
from kling_daemon.store import EventFilter, Reader

FILTERS = ("job", "type")


class Order(StrEnum):
    """In which order a list comes."""

    LATEST = "latest"
    OLDEST = "oldest"


class EventRoutes:
    """The route `/api/v1/events`."""

    def __init__(self, services: ApiServices) -> None:
        """Take the daemon's parts."""
        self._read = services.store.read
        self._events = services.store.events

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [web.get("/api/v1/events", self._list)]

    async def _list(self, request: web.Request) -> web.Response:
        query = read_query(request, (*FILTERS, "since", "until", "order", *PAGING))
        order, limit = choice_of(query, "order", Order) or Order.LATEST, limit_of(query)
        since, until = moment_of(query, "since"), moment_of(query, "until")
        cursor = from_cursor(query["cursor"]) if "cursor" in query else None
        wanted = await filter_of(query, self._read)
        span = _Span(
            after=await self._events.before(since) if since is not None else 0,
            before=await self._events.before(until) + 1 if until is not None else None,
        )
        if order is Order.LATEST:
            span = span if cursor is None else span.until(cursor)
            rows = await self._events.falling(wanted, limit=limit + 1, after=span.after, before=span.before)
        else:
            span = span if cursor is None else span.since(cursor)
            rows = await self._events.rising(wanted, limit=limit + 1, after=span.after, before=span.before)
        part, following = cut(rows, limit, lambda row: row[0])
        return web.json_response({"items": [model_of(seq, event).as_json() for seq, event in part], "next": following})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Between which rows, both exclusive, a list lies."""

    after: int
    before: int | None

    def since(self, row: int) -> "_Span":
        return _Span(after=max(self.after, row), before=self.before)

    def until(self, row: int) -> "_Span":
        return _Span(after=self.after, before=row if self.before is None else min(self.before, row))


async def filter_of(query: Mapping[str, str], read: Reader) -> EventFilter:
    """Return which events are asked for; a ProblemError for a type that does not exist or a job that is not found."""
    types = choices_of(query, "type", EventType)
    job = await find_job(read, query["job"]) if "job" in query else None
    return EventFilter(types=types, job_id=job.id if job is not None else None)


def model_of(seq: int, event: JobEvent) -> EventModel:
    """Return an event with its place in the order of all."""
    return EventModel.model_validate(event.as_json() | {"cursor": to_cursor(seq)})
