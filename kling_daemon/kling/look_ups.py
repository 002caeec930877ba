"""Finds the task that an ambiguous create may have made, by our own id, so that nothing is paid twice."""

from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import SOLUTIONS, TASKS, endpoint_of
from kling_daemon.kling.entries import EntryReader, unread_entries_of
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.lists import Lists
from kling_daemon.kling.reads import Reads
from kling_daemon.reports import Report, Source

MAX_PAGES = 20
"""How far a list is read for one task: 10,000 tasks."""
CLOCKS = timedelta(hours=1)
"""By how much Kling's clock may differ from ours when a list is read back to a moment of ours."""

_NO_SEGMENTS = frozenset({"", ".", ".."})  # at the end of a path they would name something else than a task
_REFUSALS = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.NO_SUCH_RESOURCE, ErrorKind.TASK_NOT_FOUND})
"""Errors that tell of the question: asking it again would be in vain."""
_OTHER_TASK = "the answer speaks of another task"


class LookUps:
    """Asks for single tasks, by either id. None means that Kling has clearly said that there is none."""

    def __init__(self, reads: Reads, entries: EntryReader, lists: Lists) -> None:
        """Take what asks, what understands, and what turns pages."""
        self._reads = reads
        self._entries = entries
        self._lists = lists

    async def one(self, verb: str, path: str, id_: str, source: Source) -> Report | None:
        """Ask for a legacy task by its id or our own, at the path that made it."""
        if id_ in _NO_SEGMENTS:
            return None
        try:
            answer = await self._reads.get(verb, f"{path}/{quote(id_, safe='')}")
        except KlingError as error:
            if error.kind is ErrorKind.TASK_NOT_FOUND:
                return None
            raise
        report = self._entries.one(answer, source=source, endpoint=path)
        if report.task_id != id_ and report.external_id not in (None, id_):
            raise KlingError(ErrorKind.UNINTELLIGIBLE, _OTHER_TASK)
        return report

    async def find(self, path: str, external_id: str, *, made: datetime) -> Report | None:
        """Find the task of a create by our own id. made: when its intent was stored, by our clock.

        Raises KlingError where that is not clear; NO_SUCH_RESOURCE where it never will be.
        """
        endpoint = endpoint_of(path)
        if not endpoint.takes_external_id or external_id in _NO_SEGMENTS or "," in external_id:
            raise KlingError(ErrorKind.NO_SUCH_RESOURCE, f"{path} offers no look-up by this external id")
        if endpoint.is_solution:
            return await self._solution(path, external_id, made - CLOCKS)
        if endpoint.generation is Generation.NEW:
            return await self._by_external_id(TASKS, path, external_id)
        if endpoint.has_external_id:
            return await self.one("look_up", path, external_id, Source.SUBMISSION)
        report, _ = await self._on_list(path, path, external_id, made - CLOCKS)
        if report is None:
            raise _untold(path)
        return report

    async def _by_external_id(self, place: str, path: str, external_id: str) -> Report | None:
        answer = await self._reads.get("look_up", place, {"external_task_ids": external_id})
        entries = unread_entries_of(answer)
        reports = [self._entries.one(entry, source=Source.SUBMISSION, endpoint=path) for entry in entries]
        if not reports:
            return None
        for report in reports:
            # An answer to one id need not repeat it.
            if report.external_id == external_id or (report.external_id is None and len(reports) == 1):
                return report
        # Where it is not proved that Kling heeds the external id, it has not, and never will.
        raise KlingError(ErrorKind.UNINTELLIGIBLE if place == TASKS else ErrorKind.NO_SUCH_RESOURCE, _OTHER_TASK)

    async def _solution(self, path: str, external_id: str, since: datetime) -> Report | None:
        """Ask by the external id, and go through the list as well: it is not proved that the first is answered.

        There is no such task only if both say so.
        """
        denied = True
        try:
            if (report := await self._by_external_id(SOLUTIONS, path, external_id)) is not None:
                return report
        except KlingError as error:
            denied = error.kind is ErrorKind.TASK_NOT_FOUND
            if error.kind not in _REFUSALS:
                raise
        report, absent = await self._on_list(SOLUTIONS, path, external_id, since)
        if report is None and not (denied and absent):
            raise _untold(path)
        return report

    async def _on_list(self, place: str, path: str, external_id: str, since: datetime) -> tuple[Report | None, bool]:
        """Look for a task on a list; return it, or whether it is certainly not there.

        That is certain when the whole list since then was read, and each task on it bears an id that is not ours.
        """
        certain, complete = True, False
        try:
            async with aclosing(self._lists.pages(place, since=since, most=MAX_PAGES)) as pages:
                async for page in pages:
                    for report in page.reports:
                        if report.external_id == external_id:
                            return replace(report, source=Source.SUBMISSION, endpoint=path), False
                        certain = certain and (report.external_id is not None or _is_before(report, since))
                    certain = certain and not page.unread
                    complete = page.is_last
        except KlingError as error:
            if error.kind not in _REFUSALS:
                raise
            return None, False
        return None, certain and complete


def _is_before(report: Report, since: datetime) -> bool:
    return report.created_at is not None and report.created_at < since


def _untold(path: str) -> KlingError:
    return KlingError(ErrorKind.NO_SUCH_RESOURCE, f"nothing tells for sure whether {path} has made a task of this id")
