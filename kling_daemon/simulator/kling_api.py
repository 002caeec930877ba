"""The part of the simulator that answers as Kling does: creates and queries of both generations."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, Kind
from kling_daemon.simulator.admission import admit
from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.faults import answer_with, fault_after, fault_before
from kling_daemon.simulator.orders import read_object, read_order
from kling_daemon.simulator.refusals import RefusalError, success
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.simulator.wire import created, legacy_listed, legacy_queried, queried

MAX_IDS = 20
MAX_PAGE, MAX_PAGE_SIZE, _PAGE_SIZE = 1000, 500, 30

Performer = Callable[[web.Request], Awaitable[Any]]


SIMULATED = tuple(
    endpoint for endpoint in REGISTRY if endpoint.kind in (Kind.VIDEO, Kind.IMAGE) and not endpoint.is_solution
)
"""The endpoints that are answered: those whose tasks yield what the simulator has, a video or pictures."""


class KlingApi:
    """The handlers of Kling's paths."""

    def __init__(self, engine: Engine) -> None:
        """Answer for the jobs of one engine."""
        self._engine = engine

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method that is answered."""
        routes = [web.get("/tasks", self._tasks, allow_head=False)]
        for endpoint in SIMULATED:
            if endpoint.generation is Generation.NEW:
                routes.append(web.post(endpoint.path + "/{model}", self._create))
            else:
                routes.append(web.post(endpoint.path, self._create))
                routes.append(web.get(endpoint.path, self._legacy_list, allow_head=False))
                routes.append(web.get(endpoint.path + "/{id}", self._legacy_task, allow_head=False))
        return routes

    async def _create(self, request: web.Request) -> web.StreamResponse:
        statistics, settings = self._engine.statistics, self._engine.settings

        async def perform(request: web.Request) -> Any:
            if settings.refuse_creates:
                raise RefusalError(settings.refuse_creates)
            body = read_object(await request.read())
            order = read_order(request.path, body, f"{request.scheme}://{request.host}")
            return created(self._engine.create(order))

        number = statistics.requests["create"] + 1
        answer = await self._answer("create", request, perform)
        if answer.status == web.HTTPOk.status_code and (fault := fault_after(settings, number)):
            statistics.faults["ambiguous"] += 1
            return await answer_with(fault, request, settings.hang)
        return answer

    async def _tasks(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("query", request, self._perform_tasks)

    async def _perform_tasks(self, request: web.Request) -> Any:
        ids, external_ids = (_listed(request, name) for name in ("task_ids", "external_task_ids"))
        if len(ids) + len(external_ids) > MAX_IDS:
            raise RefusalError(1201, f"cannot exceed {MAX_IDS} in total")
        if not ids and not external_ids:
            raise RefusalError(1201, "task_ids and external_task_ids cannot be empty at the same time")
        account = self._engine.account
        found = [*map(account.by_id, ids), *map(account.by_external_id, external_ids)]
        unique: dict[str, SimulatedJob] = {job.id: job for job in found if job is not None}
        return [queried(job) for job in unique.values()]

    async def _legacy_task(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("legacy_query", request, self._perform_legacy_task)

    async def _perform_legacy_task(self, request: web.Request) -> Any:
        wanted = request.match_info["id"]
        job = self._engine.account.by_id(wanted) or self._engine.account.by_external_id(wanted)
        if job is None or not request.path.startswith(job.order.path + "/"):
            raise RefusalError(1201, f"Task not found by id/external id: {wanted}")
        return legacy_queried(job)

    async def _legacy_list(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("legacy_list", request, self._perform_legacy_list)

    async def _perform_legacy_list(self, request: web.Request) -> Any:
        page = _number(request, "pageNum", default=1, most=MAX_PAGE)
        size = _number(request, "pageSize", default=_PAGE_SIZE, most=MAX_PAGE_SIZE)
        jobs = [job for job in self._engine.account if job.order.path == request.path]
        jobs.reverse()
        return [legacy_listed(job) for job in jobs[(page - 1) * size : page * size]]

    async def _answer(self, kind: str, request: web.Request, perform: Performer) -> web.StreamResponse:
        """Count a request, spoil it if its number wants so, check its key, perform it and wrap the outcome."""
        statistics, settings = self._engine.statistics, self._engine.settings
        statistics.requests[kind] += 1
        if fault := fault_before(settings, kind, statistics.requests[kind]):
            statistics.faults[fault] += 1
            return await answer_with(fault, request, settings.hang)
        try:
            admit(request, settings, self._engine.clock.now())
            answer = web.json_response(success(await perform(request)))
        except RefusalError as error:
            answer = refused(self._engine, error)
        # The clock by which tokens are judged, so that a client can set its own by it.
        answer.headers["Date"] = format_datetime(self._engine.clock.now(), usegmt=True)
        return answer


def refused(engine: Engine, error: RefusalError) -> web.Response:
    """Count a refusal and return its answer."""
    engine.statistics.refused[str(error.code)] += 1
    return web.json_response(error.body(), status=error.status)


def _listed(request: web.Request, name: str) -> list[str]:
    """Return the ids of a comma-separated query parameter."""
    ids = (part.strip() for value in request.query.getall(name, []) for part in value.split(","))
    return list(filter(None, ids))


def _number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """Return a query parameter from 1 to its cap."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise RefusalError(1201, f"{name} must be between 1 and {most}")
    return int(text)
