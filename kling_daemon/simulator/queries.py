"""What the simulated Kling answers to questions after its jobs: by ids, and as lists with pages or cursors."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from kling_daemon.kling.endpoints import LEGACY_PREFIX
from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.orders import read_object
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
    found = [*map(account.by_id, ids), *map(account.by_external_id, external_ids)]
    return _entries(job for job in found if job is not None and job.order.endpoint.is_known_to_tasks)


def solutions(account: Account, request: web.Request) -> list[dict[str, Any]]:
    """Answer `GET /solutions`: jobs of solutions, by their ids alone."""
    ids = _listed(request, "task_ids")
    if len(ids) > MAX_IDS:
        raise RefusalError(1201, f"cannot exceed {MAX_IDS} in total")
    if not ids:
        raise RefusalError(1201, "task_ids cannot be empty")
    found = map(account.by_id, ids)
    return _entries(job for job in found if job is not None and job.order.endpoint.is_solution)


def task_list(account: Account, raw: bytes) -> dict[str, Any]:
    """Answer `POST /tasks`: a page of all jobs but those of solutions, the newest first."""
    return _cursor_page(account, raw, lambda job: job.order.endpoint.is_known_to_tasks)


def solution_list(account: Account, raw: bytes) -> dict[str, Any]:
    """Answer `POST /solutions`: a page of the jobs of solutions, the newest first."""
    return _cursor_page(account, raw, lambda job: job.order.endpoint.is_solution)


def legacy_task(account: Account, request: web.Request) -> dict[str, Any]:
    """Answer `GET {legacy path}/{id}`: one job of that path."""
    wanted = request.match_info["id"]
    job = account.by_id(wanted) or account.by_external_id(wanted)
    if job is None or not request.path.startswith(job.order.path + "/"):
        raise RefusalError(1201, f"Task not found by id/external id: {wanted}")
    return legacy_queried(job)


def legacy_list(account: Account, request: web.Request) -> list[dict[str, Any]]:
    """Answer `GET {legacy path}`: a page of that path's jobs, the newest first; an empty list behind the last one."""
    page = _number(request.query.get("pageNum", "1"), "pageNum", most=MAX_PAGE)
    size = _number(request.query.get("pageSize", str(PAGE_SIZE)), "pageSize", most=MAX_PAGE_SIZE)
    jobs = (job for job in account.newest_first() if job.order.path == request.path)
    return [legacy_listed(job) for job in islice(jobs, (page - 1) * size, page * size)]


def _entries(jobs: Iterable[SimulatedJob]) -> list[dict[str, Any]]:
    """Return each job once, in the order in which it was first asked for."""
    return [queried(job) for job in {job.id: job for job in jobs}.values()]


def _listed(request: web.Request, name: str) -> list[str]:
    """Return the ids of a comma-separated query parameter."""
    ids = (part.strip() for value in request.query.getall(name, []) for part in value.split(","))
    return list(filter(None, ids))


def _cursor_page(account: Account, raw: bytes, belongs: Callable[[SimulatedJob], bool]) -> dict[str, Any]:
    """Return a page and where the next one begins; jobs that are created meanwhile move nothing.

    The names `limit`, `status` and `product_type` are ours: what Kling calls them, and what products it tells
    apart, is not published in detail.
    """
    body = read_object(raw) if raw.strip() else {}
    size = _number(body.get("limit", PAGE_SIZE), "limit", most=MAX_PAGE_SIZE)
    statuses, products = _wanted(body, "status"), _wanted(body, "product_type")
    before = _read_cursor(body.get("cursor"))
    jobs = (
        job
        for job in account.newest_first()
        if belongs(job)
        and (before is None or job.number < before)
        and (not statuses or job.state in statuses)
        and (not products or not products.isdisjoint(_products(job)))
    )
    found = list(islice(jobs, size + 1))
    page = found[:size]
    has_more = len(found) > size
    return {
        "result": [queried(job) for job in page],
        "count": len(page),
        "next_cursor": _written_cursor(page[-1].number) if has_more else "",
        "has_more": has_more,
    }


def _products(job: SimulatedJob) -> tuple[str, str]:
    """Return by which words a job's product may be filtered: `video`, or `text-to-video`, `videos/text2video`."""
    path = job.order.endpoint.path
    name = path.removeprefix(LEGACY_PREFIX) if path.startswith(LEGACY_PREFIX) else path.lstrip("/")
    return str(job.order.endpoint.kind), name


def _wanted(body: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the words of a filter, one or a list of them; none means that nothing is filtered out."""
    value = body.get(name) or []
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise RefusalError(1201, f"{name} must be a string or a list of strings")
    return frozenset(words)


def _written_cursor(number: int) -> str:
    return base64.b64encode(json.dumps({"c": number}, separators=(",", ":")).encode()).decode()


def _read_cursor(cursor: Any) -> int | None:
    if cursor is None or cursor == "":
        return None
    try:
        number = json.loads(base64.b64decode(cursor, validate=True))["c"]
    except (ValueError, TypeError, LookupError, RecursionError):
        number = None
    if type(number) is not int:
        raise RefusalError(1201, "cursor is invalid")
    return number


def _number(value: Any, name: str, *, most: int) -> int:
    """Return a number from 1 to its cap, given as such or as text."""
    text = str(value) if type(value) is int else value
    is_short = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_short or not 1 <= int(text) <= most:
        raise RefusalError(1201, f"{name} must be between 1 and {most}")
    return int(text)
