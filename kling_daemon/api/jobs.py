"""The jobs of the local API: list them, look one up, wait for its end, give it up."""

from datetime import timedelta
from http import HTTPStatus

from aiohttp import web

from kling_daemon.api.bodies import Nothing, read_body
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import PAGING, before_of, choice_of, cut, limit_of, read_query, seconds_of
from kling_daemon.api.services import ApiServices
from kling_daemon.api.waiting import WaitingRoom
from kling_daemon.jobs import Job, JobState
from kling_daemon.store import AmbiguousReferenceError, Reader
from kling_daemon.submission import NotCancellableError

DEFAULT_WAIT = timedelta(seconds=30)
MAX_WAIT = timedelta(minutes=5)


class JobRoutes:
    """The routes below `/api/v1/jobs`."""

    def __init__(self, services: ApiServices, waiting: WaitingRoom) -> None:
        """Take the daemon's parts and the place where requests wait."""
        self._services = services
        self._read = services.store.read
        self._waiting = waiting

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [
            web.get("/api/v1/jobs", self._list),
            web.get("/api/v1/jobs/{ref}", self._show),
            web.get("/api/v1/jobs/{ref}/wait", self._wait),
            web.post("/api/v1/jobs/{ref}/cancel", self._cancel),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = read_query(request, ("state", *PAGING))
        state, limit = choice_of(query, "state", JobState), limit_of(query)
        rows = await self._read.jobs(limit=limit + 1, before=before_of(query), state=state)
        part, cursor = cut(rows, limit, lambda row: row[0])
        return web.json_response({"items": [job.as_json() for _, job in part], "next": cursor})

    async def _show(self, request: web.Request) -> web.Response:
        read_query(request, ())
        job = await find_job(self._read, request.match_info["ref"])
        return web.json_response(job.as_json())

    async def _wait(self, request: web.Request) -> web.Response:
        query = read_query(request, ("timeout",))
        patience = seconds_of(query, "timeout", default=DEFAULT_WAIT, most=MAX_WAIT)
        job = await find_job(self._read, request.match_info["ref"])
        job = await self._waiting.until_end(job, patience, gone=lambda: request.transport is None)
        return web.json_response(job.as_json())

    async def _cancel(self, request: web.Request) -> web.Response:
        read_query(request, ())
        await read_body(request, Nothing)
        job = await find_job(self._read, request.match_info["ref"])
        try:
            cancelled = await self._services.cancel(job)
        except NotCancellableError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
        return web.json_response(cancelled.as_json())


async def find_job(read: Reader, reference: str) -> Job:
    """Return the job that answers to an id of ours, a task id or an external id; a ProblemError of 404 or 409."""
    try:
        job = await read.job(reference)
    except AmbiguousReferenceError:
        detail = "more than one job answers to this id; use the job's own id"
        raise ProblemError(HTTPStatus.CONFLICT, detail) from None
    if job is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no job has this id, task id or external id")
    return job
