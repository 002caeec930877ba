"""The part of the simulator that answers as Kling does: creates and queries of both generations."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, SOLUTIONS, SYNCHRONOUS, TASKS
from kling_daemon.simulator import lists, queries
from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.admission import COSTS, admit
from kling_daemon.simulator.at_once import answered_at_once
from kling_daemon.simulator.availability import check_available
from kling_daemon.simulator.costs import CostsDesk
from kling_daemon.simulator.deletions import DELETIONS, delete
from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.faults import answer_with, fault_after, fault_before
from kling_daemon.simulator.orders import read_object, read_order
from kling_daemon.simulator.refusals import RefusalError, success
from kling_daemon.simulator.simulated_jobs import Order
from kling_daemon.simulator.wire import created

Performer = Callable[[web.Request, Account], Awaitable[Any]]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KlingApi:
    """The handlers of Kling's paths."""

    def __init__(self, engine: Engine) -> None:
        """Answer for the jobs of one engine."""
        self._engine = engine
        self._costs = CostsDesk()

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method that is answered."""
        routes = [
            web.get(TASKS, self._question("query", queries.tasks), allow_head=False),
            web.post(TASKS, self._list("list", lists.TASKS)),
            web.get(SOLUTIONS, self._question("solutions_query", queries.solutions), allow_head=False),
            web.post(SOLUTIONS, self._list("solutions_list", lists.SOLUTIONS)),
            web.get(COSTS, self._handler("costs", self._perform_costs), allow_head=False),
        ]
        one = self._question("legacy_query", queries.legacy_task)
        page = self._question("legacy_list", queries.legacy_list)
        routes += [web.post(endpoint.path, self._handler("at_once", self._perform_at_once)) for endpoint in SYNCHRONOUS]
        routes += [web.post(path, self._handler("delete", self._perform_delete)) for path in DELETIONS]
        for endpoint in REGISTRY:
            routes.append(web.post(endpoint.path + ("/{model}" if endpoint.names_model else ""), self._create))
            if endpoint.generation is Generation.LEGACY:
                routes.append(web.get(endpoint.path, page, allow_head=False))
                routes.append(web.get(endpoint.path + "/{id}", one, allow_head=False))
        return routes

    async def _create(self, request: web.Request) -> web.StreamResponse:
        statistics, settings = self._engine.statistics, self._engine.settings

        async def perform(request: web.Request, account: Account) -> Any:
            order, _ = await self._order(request)
            return created(self._engine.create(order, account))

        number = statistics.requests["create"] + 1
        answer = await self._answer("create", request, perform)
        if answer.status == web.HTTPOk.status_code and (fault := fault_after(settings, number)):
            statistics.faults["ambiguous"] += 1
            return await answer_with(fault, request, settings.hang)
        return answer

    async def _order(self, request: web.Request) -> tuple[Order, dict[str, Any]]:
        """Read what is asked for, with its body; RefusalError when the settings, or Kling's rules, do not allow it."""
        settings = self._engine.settings
        if settings.refuse_creates:
            raise RefusalError(settings.refuse_creates)
        body = read_object(await request.read())
        check_available(request.path, body, settings)
        return read_order(request.path, body, f"{request.scheme}://{request.host}"), body

    async def _perform_at_once(self, request: web.Request, account: Account) -> Any:
        order, body = await self._order(request)
        return answered_at_once(account.answer_at_once(order, self._engine.settings), body)

    async def _perform_delete(self, request: web.Request, account: Account) -> Any:
        return delete(account, request.path, read_object(await request.read()))

    def _question(self, kind: str, answer: Callable[[Account, web.Request], Any]) -> _Handler:
        """Return the handler of what is asked by GET."""

        async def perform(request: web.Request, account: Account) -> Any:
            self._check_queries()
            return answer(account, request)

        return self._handler(kind, perform)

    def _list(self, kind: str, wanted: lists.CursorList) -> _Handler:
        """Return the handler of a list that is asked for by POST."""

        async def perform(request: web.Request, account: Account) -> Any:
            self._check_queries()
            return wanted.page(account, await request.read(), self._engine.clock.now())

        return self._handler(kind, perform)

    async def _perform_costs(self, request: web.Request, account: Account) -> Any:
        self._check_queries()
        return self._costs.answer(account, request.query, self._engine.settings, self._engine.clock.now())

    def _check_queries(self) -> None:
        if self._engine.settings.refuse_queries:
            raise RefusalError(self._engine.settings.refuse_queries)

    def _handler(self, kind: str, perform: Performer) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(kind, request, perform)

        return handle

    async def _answer(self, kind: str, request: web.Request, perform: Performer) -> web.StreamResponse:
        """Count a request, spoil it if its number wants so, check its key, perform it and wrap the outcome."""
        statistics, settings = self._engine.statistics, self._engine.settings
        statistics.requests[kind] += 1
        if fault := fault_before(settings, kind, statistics.requests[kind]):
            statistics.faults[fault] += 1
            return await answer_with(fault, request, settings.hang)
        try:
            account = self._engine.accounts.of(admit(request, settings, self._engine.clock.now()))
            answer = web.json_response(success(await perform(request, account)))
        except RefusalError as error:
            answer = refused(self._engine, error)
        return answer


def refused(engine: Engine, error: RefusalError) -> web.Response:
    """Count a refusal and return its answer."""
    engine.statistics.refused[str(error.code)] += 1
    return web.json_response(error.body(), status=error.status)
