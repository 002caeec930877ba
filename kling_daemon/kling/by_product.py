"""Asks after tasks product by product, where our credential does not open the one query that covers all of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

import structlog

from kling_daemon.jobs import Generation
from kling_daemon.kling.answers import Answers, merge
from kling_daemon.kling.endpoints import LEGACY_PATHS, endpoint_of
from kling_daemon.kling.errors import KlingError
from kling_daemon.kling.lists import ListPage
from kling_daemon.reports import Report

log = structlog.get_logger(__name__)

LIST_FROM = 5
"""From so many tasks of one product on, its list is asked first: a page may have most of them in one request."""
MAX_PAGES = 20
"""How many pages of a list are read at most: 10,000 tasks."""

_FRUITLESS = 3
"""After so many pages in a row with none of the tasks the rest is asked for one by one."""
_AT_A_TIME = 20


class ProductQueries(Protocol):
    """The two questions that a legacy product answers; both raise KlingError."""

    async def query_one(self, path: str, task_or_external_id: str) -> Report | None:
        """Return what Kling says about one task; None when it does not know the id."""
        ...

    def pages(self, path: str, *, most: int) -> AsyncGenerator[ListPage, None]:
        """Yield the pages of the product's list, at most so many."""
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
    paths = LEGACY_PATHS if homeless else ()
    listed = [path for path in dict.fromkeys((*by_path, *paths)) if homeless or len(by_path[path]) >= LIST_FROM]
    parts: list[Answers] = []
    for path in listed:
        own = frozenset(by_path[path])
        if any(part.errors for part in parts):  # Kling cannot be asked
            parts.append(Answers(unanswered_ids=own))
        else:
            parts.append(await _list(client, path, own, frozenset(homeless)))
    found = {report.task_id for part in parts for report in part.reports}
    failed = frozenset().union(*(part.unanswered_ids for part in parts)) - found
    nowhere = Answers(unanswered_ids=frozenset(closed | homeless) - found)
    singles = [(path, id_) for path, ids in by_path.items() for id_ in sorted(ids - found - failed)]
    lists = merge(parts)
    answers = Answers(reports=lists.reports, unanswered_ids=failed, errors=lists.errors, requests=lists.requests)
    return merge([answers, nowhere, await _ask_singly(client, singles)])


async def _list(client: ProductQueries, path: str, own: frozenset[str], homeless: frozenset[str]) -> Answers:
    """Return what the list of a path says; nothing follows from not being on it.

    own: the tasks that were made there; as many pages are read as are fewer requests than to ask for each. homeless:
    those that may have been made there; for them alone the first page is all. Without an answer, what was not found
    until then is unanswered.
    """
    missing, reports = set(own | homeless), list[Report]()
    read, fruitless = 0, 0
    try:
        async with aclosing(client.pages(path, most=MAX_PAGES)) as pages:
            async for page in pages:
                found = [report for report in page.reports if report.task_id in missing]
                missing.difference_update(report.task_id for report in found if report.task_id is not None)
                reports += found
                read += 1
                fruitless = 0 if found else fruitless + 1
                left = len(missing & own)
                if left < LIST_FROM or fruitless == _FRUITLESS or read >= len(own) // LIST_FROM:
                    break
    except KlingError as error:
        if error.kind.is_retryable_read or error.kind.refuses_us:
            return Answers(
                reports=tuple(reports), unanswered_ids=frozenset(missing), errors=(error,), requests=read + 1
            )
        log.warning("kling refuses to list a product", path=path, error=str(error))
        read += 1
    return Answers(reports=tuple(reports), requests=read)


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
