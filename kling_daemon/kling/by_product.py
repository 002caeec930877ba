"""Asks after tasks product by product, where our credential does not open the one query that covers all of them."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from kling_daemon.jobs import Generation
from kling_daemon.kling.answers import Answers, merge
from kling_daemon.kling.endpoints import LEGACY_PATHS, endpoint_of
from kling_daemon.kling.errors import KlingError
from kling_daemon.reports import Report

log = structlog.get_logger(__name__)

PAGE_SIZE = 500
"""The most tasks of a legacy list page."""
LIST_FROM = 5
"""From so many tasks of one product on, its newest page is asked first: it has most of them in one request."""

_AT_A_TIME = 20


class ProductQueries(Protocol):
    """The two questions that a legacy product answers; both raise KlingError."""

    async def query_one(self, path: str, task_or_external_id: str) -> Report | None:
        """Return what Kling says about one task; None when it does not know the id."""
        ...

    async def newest(self, path: str, wanted: frozenset[str]) -> tuple[Report, ...]:
        """Return what the newest page of the product's list says about the wanted tasks."""
        ...


async def query_by_product(client: ProductQueries, task_ids: Sequence[str], endpoints: Mapping[str, str]) -> Answers:
    """Ask after tasks by list pages and single queries. Raises nothing.

    endpoints: the paths that created the tasks. A task without one is looked for on the newest page of every legacy
    product; if it is on none, nothing follows. Tasks of the new generation cannot be asked for, and stay unanswered.
    """
    by_path: defaultdict[str, set[str]] = defaultdict(set)
    homeless, closed = set(), set()
    for task_id in task_ids:
        path = endpoints.get(task_id)
        if path is None:
            homeless.add(task_id)
        elif endpoint_of(path).generation is Generation.LEGACY:
            by_path[path].add(task_id)
        else:
            closed.add(task_id)
    if closed:
        log.warning("tasks of kling's new api cannot be asked for without an api key", tasks=len(closed))
    everywhere = {path: by_path.get(path, set()) | homeless for path in LEGACY_PATHS} if homeless else {}
    listed = {path: ids for path, ids in by_path.items() if len(ids) >= LIST_FROM} | everywhere
    parts = [await _list(client, path, frozenset(ids)) for path, ids in listed.items()]
    found = {report.task_id for part in parts for report in part.reports}
    failed = frozenset().union(*(part.unanswered_ids for part in parts)) - found
    nowhere = Answers(unanswered_ids=frozenset(closed | homeless) - found)
    singles = [(path, id_) for path, ids in by_path.items() for id_ in sorted(ids - found - failed)]
    lists = merge(parts)
    answers = Answers(reports=lists.reports, unanswered_ids=failed, errors=lists.errors, requests=lists.requests)
    return merge([answers, nowhere, await _ask_singly(client, singles)])


async def _list(client: ProductQueries, path: str, wanted: frozenset[str]) -> Answers:
    """Return what a list page says; nothing follows from not being on it. Without an answer, all are unanswered."""
    try:
        return Answers(reports=await client.newest(path, wanted), requests=1)
    except KlingError as error:
        if error.kind.is_retryable_read or error.kind.refuses_us:
            return Answers(unanswered_ids=wanted, errors=(error,), requests=1)
        log.warning("kling refuses to list a product", path=path, error=str(error))
        return Answers(requests=1)


async def _ask_singly(client: ProductQueries, singles: Sequence[tuple[str, str]]) -> Answers:
    """Ask for one task after the other, some at a time; once Kling cannot be asked, the rest stays unanswered."""
    parts: list[Answers] = []
    for start in range(0, len(singles), _AT_A_TIME):
        if any(error.kind.is_retryable_read or error.kind.refuses_us for part in parts for error in part.errors):
            parts.append(Answers(unanswered_ids=frozenset(id_ for _, id_ in singles[start:])))
            break
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_ask_one(client, path, id_), name=f"kling query {id_}")
                for path, id_ in singles[start : start + _AT_A_TIME]
            ]
        parts += [task.result() for task in tasks]
    return merge(parts)


async def _ask_one(client: ProductQueries, path: str, task_id: str) -> Answers:
    try:
        report = await client.query_one(path, task_id)
    except KlingError as error:
        return Answers(unanswered_ids=frozenset({task_id}), errors=(error,), requests=1)
    if report is None:
        return Answers(unknown_ids=frozenset({task_id}), requests=1)
    return Answers(reports=(report,), requests=1)
