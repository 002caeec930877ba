"""What the simulated Kling answers to questions after its jobs by their ids, and to those for a legacy page."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from aiohttp import web

from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.simulator.wire import legacy_listed, legacy_queried, queried

MAX_IDS = 20
MAX_PAGE, MAX_PAGE_SIZE, PAGE_SIZE = 1000, 500, 30


def tasks(account: Account, request: web.Request) -> list[dict[str, Any]]:
    """Answer `GET /tasks`: jobs of both generations by id or external id; those of solutions are not known there."""
    ids, external_ids = _listed(request, "task_ids"), _listed(request, "external_task_ids")
    if len(ids) + len(external_ids) > MAX_IDS:
        raise RefusalError(1201, f"cannot exceed {MAX_IDS} in total")
    if not ids and not external_ids:
        raise RefusalError(1201, "task_ids and external_task_ids cannot be empty at the same time")
    found = [*map(account.by_id, ids), *filter(_is_found_by_external_id, map(account.by_external_id, external_ids))]
    return _entries(job for job in found if job is not None and job.order.endpoint.is_known_to_tasks)


def solutions(account: Account, request: web.Request) -> list[dict[str, Any]]:
    """Answer `GET /solutions`: jobs of solutions, by ids or external ids, but not by both at once."""
    ids, external_ids = _listed(request, "task_ids"), _listed(request, "external_task_ids")
    if len(ids) > MAX_IDS or len(external_ids) > MAX_IDS:
        raise RefusalError(1201, f"cannot exceed {MAX_IDS} in total")
    if bool(ids) is bool(external_ids):
        raise RefusalError(1201, "exactly one of task_ids and external_task_ids is required")
    found = [*map(account.by_id, ids), *map(account.by_external_id, external_ids)]
    return _entries(job for job in found if job is not None and job.order.endpoint.is_solution)


def legacy_task(account: Account, request: web.Request) -> dict[str, Any]:
    """Answer `GET {legacy path}/{id}`: one job of that path."""
    wanted = request.match_info["id"]
    by_external_id = account.by_external_id(wanted)
    job = account.by_id(wanted) or (by_external_id if _is_found_by_external_id(by_external_id) else None)
    if job is None or not request.path.startswith(job.order.path + "/"):
        raise RefusalError(1201, f"Task not found by id/external id: {wanted}")
    return legacy_queried(job)


def legacy_list(account: Account, request: web.Request) -> list[dict[str, Any]]:
    """Answer `GET {legacy path}`: a page of that path's jobs, the newest first; an empty list behind the last one."""
    page = _number(request, "pageNum", usual=1, most=MAX_PAGE)
    size = _number(request, "pageSize", usual=PAGE_SIZE, most=MAX_PAGE_SIZE)
    jobs = (job for job in account.newest_first() if job.order.path == request.path)
    return [legacy_listed(job) for job in islice(jobs, (page - 1) * size, page * size)]


def _is_found_by_external_id(job: SimulatedJob | None) -> bool:
    return job is not None and job.order.endpoint.has_external_id


def _entries(jobs: Iterable[SimulatedJob]) -> list[dict[str, Any]]:
    """Return each job once, in the order in which it was first asked for."""
    return [queried(job) for job in {job.id: job for job in jobs}.values()]


def _listed(request: web.Request, name: str) -> list[str]:
    """Return the ids of a comma-separated query parameter."""
    ids = (part.strip() for value in request.query.getall(name, []) for part in value.split(","))
    return list(filter(None, ids))


def _number(request: web.Request, name: str, *, usual: int, most: int) -> int:
    """Return a query parameter from 1 to its cap."""
    text = request.query.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise RefusalError(1201, f"{name} must be between 1 and {most}")
    return int(text)
