"""The part of the simulator that tests and people talk to, below `/simulator/`: numbers, jobs, settings."""

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from kling_daemon.clock import to_rfc3339
from kling_daemon.simulator.changes import ChangeError, shown
from kling_daemon.simulator.engine import Engine
from kling_daemon.simulator.files.contents import measures
from kling_daemon.simulator.results import file_names, file_url
from kling_daemon.simulator.simulated_jobs import SimulatedJob

_UNREACHABLE = (
    "outage_answer: refused connections would refuse the request that ends them too; "
    "give the control API an address of its own (--control)"
)


class ControlApi:
    """The handlers below `/simulator/`. They ask for no key: the simulator guards nothing of value."""

    def __init__(self, engine: Engine, *, stays_reachable: bool = False) -> None:
        """Show and change one engine; stays_reachable: also while the engine refuses connections."""
        self._engine = engine
        self._stays_reachable = stays_reachable

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [
            web.get("/simulator/stats", self._stats),
            web.get("/simulator/tasks", self._tasks),
            web.get("/simulator/callbacks", self._callbacks),
            web.get("/simulator/settings", self._settings),
            web.post("/simulator/settings", self._change),
        ]

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(stats(self._engine))

    async def _tasks(self, _request: web.Request) -> web.Response:
        return web.json_response(jobs(self._engine))

    async def _callbacks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._engine.statistics.posted_as_json())

    async def _settings(self, _request: web.Request) -> web.Response:
        return web.json_response(shown(self._engine.settings))

    async def _change(self, request: web.Request) -> web.Response:
        try:
            changes = json.loads(await request.read())
            self._apply(changes)
        except ChangeError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (ValueError, RecursionError):
            return web.json_response({"error": "the body is no JSON"}, status=400)
        return web.json_response(shown(self._engine.settings))

    def _apply(self, changes: Any) -> None:
        conductor = self._engine.conductor
        if conductor.preview(changes).refuses_connections and not self._stays_reachable:
            raise ChangeError(_UNREACHABLE)
        conductor.change(changes)


def stats(engine: Engine) -> dict[str, Any]:
    """Return all numbers: the counters, what was created and billed, and what is still to come."""
    accounts = list(engine.accounts.each())
    return engine.statistics.as_json() | {
        "created": sum(map(len, accounts)),
        "unfinished": sum(account.unfinished for account in accounts),
        "billed": {
            "tasks": sum(account.billed_jobs for account in accounts),
            "units": str(sum((account.billed_units for account in accounts), Decimal(0))),
            "cash": str(sum((account.billed_cash for account in accounts), Decimal(0))),
        },
        "idle": engine.pending.is_none,
    }


def jobs(engine: Engine) -> list[dict[str, Any]]:
    """Return every job with its files, in the order of the creates."""
    return [_job(engine, job) for job in engine.accounts.jobs()]


def _job(engine: Engine, job: SimulatedJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "account": job.account,
        "external_id": job.order.external_id,
        "endpoint": job.order.path,
        "model": job.order.model,
        "state": str(job.state),
        "message": job.message,
        "units": str(job.units),
        "created_at": to_rfc3339(job.created_at),
        "updated_at": to_rfc3339(job.updated_at),
        "called_back": sorted(engine.statistics.answered.get(job.id, ())),
        "files": [_file(engine, job, name) for name in file_names(job)],
    }


def _file(engine: Engine, job: SimulatedJob, name: str) -> dict[str, Any]:
    size, digest = measures(name, engine.settings.file_size)
    return {"url": file_url(job, name), "size": size, "sha256": digest}
