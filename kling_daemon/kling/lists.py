"""Turns the pages of Kling's lists: the two of the new API by cursor, those of legacy products by number.

Whether a list begins with its newest or its oldest tasks is not documented, nor is it that the new ones heed the
time from which on they are asked: either answer works here.
"""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from kling_daemon.clock import to_millis
from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import SOLUTIONS, TASKS
from kling_daemon.kling.entries import EntryReader
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.reads import Reads
from kling_daemon.reports import Report

log = structlog.get_logger(__name__)

PAGE_SIZE = 500
"""The most tasks of a page, of either kind of list."""
LAST_LEGACY_PAGE = 1000

_WORDS = {
    JobState.SUBMITTED: "submitted",
    JobState.PROCESSING: "processing",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
}


class ProductType(StrEnum):
    """What a list of the new API can be asked for alone."""

    VIDEO = "video"
    IMAGE = "image"
    TRY_ON = "try_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """What one page of a list says."""

    reports: tuple[Report, ...]
    unread: int
    """How many of its tasks made no sense."""
    is_last: bool
    """All that was wanted of the list has been read with it: its end, or the time from which on it was wanted."""

    @property
    def size(self) -> int:
        """How many tasks stand on it."""
        return len(self.reports) + self.unread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unread:
    """A page as it came: its tasks, and what leads to the next."""

    entries: list[Any]
    cursor: str | None
    has_more: bool


class Lists:
    """Reads lists page by page. A page that fails raises its KlingError; those before it have been given out."""

    def __init__(self, reads: Reads, entries: EntryReader) -> None:
        """Take what asks and what understands."""
        self._reads = reads
        self._entries = entries

    async def pages(
        self,
        path: str,
        *,
        since: datetime | None = None,
        states: Collection[JobState] = (),
        products: Collection[ProductType] = (),
        size: int = PAGE_SIZE,
        most: int = LAST_LEGACY_PAGE,
    ) -> AsyncGenerator[ListPage, None]:
        """Yield the pages of `/tasks`, `/solutions` or a legacy product's path, at most so many.

        since: tasks that were made earlier are not wanted; some may be told of all the same. states, products: those
        alone; ValueError for a legacy list, which has no such filters. When none of the pages `is_last`, the list
        goes on, or Kling did not say how.
        """
        if path in (TASKS, SOLUTIONS):
            unread = self._by_cursor(path, since, _filters(states, products), size)
        elif states or products:
            raise ValueError("a legacy list has no filters")
        else:
            unread = self._by_number(path, size)
        number = 0
        async with aclosing(unread):
            async for page in unread:
                number += 1
                entries = self._entries.each(page.entries, endpoint=None if path in (TASKS, SOLUTIONS) else path)
                is_last = not page.has_more or _lies_before(since, entries.reports)
                yield ListPage(reports=entries.reports, unread=len(entries.unread), is_last=is_last)
                if is_last or number >= most:
                    return

    async def _by_cursor(
        self, path: str, since: datetime | None, filters: list[dict[str, Any]], size: int
    ) -> AsyncGenerator[_Unread, None]:
        body: dict[str, Any] = {"limit": size}
        if since is not None:
            body["start_time"] = str(to_millis(since))
        if filters:
            body["filters"] = filters
        seen: set[str] = set()
        while True:
            page = await self._cursor_page(path, body)
            yield page
            if page.cursor is None or page.cursor in seen:
                log.warning("kling does not say how a list goes on", path=path)
                return
            seen.add(page.cursor)
            # Kling takes no time together with a cursor: the cursor bears it.
            body = {"limit": size, "cursor": page.cursor} | ({"filters": filters} if filters else {})

    async def _cursor_page(self, path: str, body: dict[str, Any]) -> _Unread:
        try:
            return _read_page(await self._reads.post("list", path, body))
        except KlingError as error:
            if error.kind is not ErrorKind.BAD_REQUEST or "start_time" not in body:
                raise
            log.info("kling does not take the time from which on a list is wanted", path=path, error=str(error))
        without = {key: value for key, value in body.items() if key != "start_time"}
        return _read_page(await self._reads.post("list", path, without))

    async def _by_number(self, path: str, size: int) -> AsyncGenerator[_Unread, None]:
        for number in range(1, LAST_LEGACY_PAGE + 1):
            answer = await self._reads.get("list", path, {"pageNum": str(number), "pageSize": str(size)})
            entries = _read_page(answer).entries
            yield _Unread(entries=entries, cursor=None, has_more=len(entries) >= size)


def _filters(states: Collection[JobState], products: Collection[ProductType]) -> list[dict[str, Any]]:
    filters = []
    if states:
        filters.append({"key": "status", "values": [_WORDS[state] for state in states]})
    if products:
        filters.append({"key": "product_type", "values": [product.value for product in products]})
    return filters


def _read_page(answer: Mapping[str, Any]) -> _Unread:
    """Return the tasks of a page; none where `data` is missing, null, or an object without `result`."""
    data = answer.get("data")
    if isinstance(data, Mapping):
        entries, cursor, has_more = data.get("result"), data.get("next_cursor"), data.get("has_more")
    else:
        entries, cursor, has_more = data, None, None
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise KlingError(ErrorKind.UNINTELLIGIBLE, "the answer holds no list of tasks")
    cursor = cursor if isinstance(cursor, str) and cursor else None
    return _Unread(
        entries=entries, cursor=cursor, has_more=has_more if isinstance(has_more, bool) else cursor is not None
    )


def _lies_before(since: datetime | None, reports: tuple[Report, ...]) -> bool:
    """Tell whether a page, and all that follow it, hold only tasks that were made before.

    That is so where the list is seen to go back in time: what follows is older still.
    """
    made = [report.created_at for report in reports if report.created_at is not None]
    if since is None or not made or len(made) < len(reports):
        return False
    return max(made) < since and made[0] >= made[-1]
