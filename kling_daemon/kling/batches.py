"""Asks after tasks in requests of at most 20 ids, each at the place that knows it: `/tasks` or `/solutions`."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from kling_daemon.kling.answers import PERHAPS_ONE_ID, Answers, merge
from kling_daemon.kling.endpoints import SOLUTIONS, TASKS, endpoint_of
from kling_daemon.kling.entries import EntryReader
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.reads import Reads

log = structlog.get_logger(__name__)

MAX_IDS = 20
"""How many ids one query takes; Kling answers 1201 to more."""


class Batches:
    """The queries that an API key opens. Raises nothing: what fails is part of the answers."""

    def __init__(self, reads: Reads, entries: EntryReader) -> None:
        """Take what asks and what understands."""
        self._reads = reads
        self._entries = entries

    async def query(self, task_ids: Sequence[str], endpoints: Mapping[str, str]) -> Answers:
        """Ask after tasks of either generation and of solutions, in requests that run side by side.

        endpoints: the paths that created them, as far as they are known. A task without one may be a solution: where
        `/tasks` does not know it, `/solutions` is asked as well.
        """
        solutions = [id_ for id_ in task_ids if (path := endpoints.get(id_)) and endpoint_of(path).is_solution]
        others = [id_ for id_ in task_ids if id_ not in set(solutions)]
        answers = merge([await self._at(TASKS, others), await self._at(SOLUTIONS, solutions)])
        doubtful = [id_ for id_ in others if id_ in answers.unknown_ids and id_ not in endpoints]
        if not doubtful:
            return answers
        return _settle(answers, await self._at(SOLUTIONS, doubtful))

    async def _at(self, place: str, ids: Sequence[str]) -> Answers:
        if not ids:
            return Answers()
        chunks = [ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._chunk(place, chunk), name=f"kling query {place} {number}")
                for number, chunk in enumerate(chunks, start=1)
            ]
        return merge([task.result() for task in tasks])

    async def _chunk(self, place: str, ids: Sequence[str]) -> Answers:
        asked = Answers(requests=1)
        try:
            answer = await self._reads.get("query", place, {"task_ids": ",".join(ids)})
            return merge([asked, self._entries.asked_for(frozenset(ids), answer)])
        except KlingError as error:
            if error.kind in PERHAPS_ONE_ID and len(ids) > 1:
                # One id that Kling takes offence at must not silence the others for ever.
                middle = len(ids) // 2
                parts = [await self._chunk(place, ids[:middle]), await self._chunk(place, ids[middle:])]
                return merge([asked, *parts])
            if error.kind is ErrorKind.TASK_NOT_FOUND:
                return Answers(unknown_ids=frozenset(ids), requests=1)
            if error.kind in PERHAPS_ONE_ID:
                log.warning("kling refuses to be asked for a task", task_id=ids[0], error=str(error))
            return Answers(unanswered_ids=frozenset(ids), errors=(error,), requests=1)


def _settle(first: Answers, second: Answers) -> Answers:
    """Put together what both places say of tasks that may belong to either.

    Where `/solutions` cannot be asked at the moment, nothing follows. Where this host or account has none, what
    `/tasks` said stands.
    """
    troubles = tuple(error for error in second.errors if error.kind.is_retryable_read or error.kind.refuses_us)
    has_none = bool(second.errors) and not troubles
    unanswered = frozenset[str]() if has_none else second.unanswered_ids
    known = frozenset(report.task_id for report in second.reports)
    return Answers(
        reports=first.reports + second.reports,
        unknown_ids=first.unknown_ids - known - unanswered,
        unanswered_ids=first.unanswered_ids | unanswered,
        errors=first.errors + troubles,
        requests=first.requests + second.requests,
    )
