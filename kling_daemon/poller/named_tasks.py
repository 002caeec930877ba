"""Takes on tasks that a person names: Kling is asked at once, and what it knows is tracked from now on."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import Generation, Job
from kling_daemon.kling.answers import Answers, merge
from kling_daemon.kling.client import NEEDS_API_KEY, KlingClient
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.errors import KlingError
from kling_daemon.kling.scalars import read_identifier
from kling_daemon.reports import Report
from kling_daemon.store import AmbiguousReferenceError, News, Store
from kling_daemon.tracking import KlingHealth, Tracker

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=20)
"""How long Kling may take to answer; a person waits for it."""

_NO_ANSWER = "Kling does not answer in time; nothing was kept, so ask again later"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTask:
    """One task that somebody wants tracked."""

    task_id: str
    endpoint: str | None = None
    """The path that created it; without it neither a solution nor, with a key pair, an older task can be found."""
    external_id: str | None = None
    """The id that its creator gave it, where Kling does not tell."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Finding(StrEnum):
    """What became of a task that was named."""

    TRACKED = "tracked"
    """Kling knows it, and a job was made of it."""
    KNOWN = "known"
    """It is a job already, and stays as it is: tags are not changed."""
    UNKNOWN = "unknown"
    """Kling does not know it under this account. Nothing is kept of it."""
    UNASKED = "unasked"
    """Kling could not be asked now. Nothing is kept of it."""
    REFUSED = "refused"
    """It cannot be tracked as it was named. Nothing is kept of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What became of one task, with the job where there is one."""

    task_id: str
    finding: Finding
    job: Job | None = None
    detail: str = ""


class NamedTasks:
    """Asks Kling about tasks that somebody names, and records what it knows; nothing is believed unasked."""

    def __init__(
        self, *, store: Store, tracker: Tracker, client: KlingClient, health: KlingHealth, clock: Clock
    ) -> None:
        """Take whom to ask and whom to tell."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._clock = clock

    async def track(self, tasks: Sequence[NamedTask]) -> list[Named]:
        """Track tasks, and return in their order what became of each. Repeating it changes nothing."""
        told = {task.task_id: await self._look(task) for task in tasks}
        wanted = {task.task_id: task for task in tasks if told[task.task_id] is None}
        if wanted:
            told |= await self._ask(wanted)
        return [told[task.task_id] or _unasked(task.task_id, _NO_ANSWER) for task in tasks]

    async def _look(self, task: NamedTask) -> Named | None:
        """Return what can be said without asking Kling."""
        if read_identifier(task.task_id) != task.task_id:
            return _refused(task, "this is no id that a task of Kling's can have")
        if (known := await self._store.read.job(task.task_id)) is not None and known.task_id == task.task_id:
            return Named(task_id=task.task_id, finding=Finding.KNOWN, job=known)
        if task.endpoint is not None:
            endpoint = endpoint_of(task.endpoint)
            if endpoint.is_synchronous or not task.endpoint.startswith("/"):
                return _refused(task, f"{task.endpoint[:80]!r} makes no tasks")
            if endpoint.generation is Generation.NEW and not self._client.opens_new_generation:
                return _refused(task, NEEDS_API_KEY)
        if task.external_id is not None and await self._is_taken(task.external_id):
            return _refused(task, f"the external id {task.external_id!r} is already that of a job")
        return None

    async def _is_taken(self, external_id: str) -> bool:
        try:
            return await self._store.read.job(external_id) is not None
        except AmbiguousReferenceError:
            return True

    async def _ask(self, wanted: Mapping[str, NamedTask]) -> dict[str, Named]:
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                answers = await self._query(wanted)
        except TimeoutError:
            return {task_id: _unasked(task_id, _NO_ANSWER) for task_id in wanted}
        if answers.reports:
            await self._health.answered()
        reports = [_completed(report, wanted[report.task_id or ""]) for report in answers.reports]
        news = [
            News(report=report, polled_at=asked_at, adopt=True, tags=wanted[report.task_id or ""].tags)
            for report in reports
        ]
        recorded = await self._tracker.record_all(news)
        told = {
            report.task_id: Named(task_id=report.task_id, finding=Finding.TRACKED, job=done.job)
            for report, done in zip(reports, recorded, strict=True)
            if report.task_id is not None and done.job is not None
        }
        return {task_id: told.get(task_id) or self._missing(task, answers) for task_id, task in wanted.items()}

    async def _query(self, wanted: Mapping[str, NamedTask]) -> Answers:
        endpoints = {task_id: task.endpoint for task_id, task in wanted.items() if task.endpoint is not None}
        answers = await self._client.query(list(wanted), endpoints)
        if not self._client.opens_new_generation:
            return answers
        # What the one query does not know may yet be known at the legacy path that made it.
        again = [id_ for id_ in answers.unknown_ids if endpoints.get(id_, "") and _is_legacy(endpoints[id_])]
        return merge(
            [replace(answers, unknown_ids=answers.unknown_ids.difference(again))]
            + [await self._query_one(endpoints[task_id], task_id) for task_id in again]
        )

    async def _query_one(self, path: str, task_id: str) -> Answers:
        try:
            report = await self._client.query_one(path, task_id)
        except KlingError as error:
            return Answers(unanswered_ids=frozenset({task_id}), errors=(error,))
        return Answers(unknown_ids=frozenset({task_id})) if report is None else Answers(reports=(report,))

    def _missing(self, task: NamedTask, answers: Answers) -> Named:
        """Say why nothing was found."""
        if task.task_id in answers.unknown_ids:
            return Named(task_id=task.task_id, finding=Finding.UNKNOWN, detail="Kling does not know it")
        if answers.errors:
            return _unasked(task.task_id, f"Kling could not be asked ({answers.errors[0]}); nothing was kept")
        if task.endpoint is None:
            return Named(
                task_id=task.task_id,
                finding=Finding.UNKNOWN,
                detail="it is not among Kling's newest tasks; give the endpoint that made it",
            )
        return _unasked(task.task_id, "what Kling says about it cannot be read")


def _completed(report: Report, task: NamedTask) -> Report:
    """Return a report with what Kling does not tell and whoever named the task does."""
    return replace(
        report, endpoint=report.endpoint or task.endpoint, external_id=report.external_id or task.external_id
    )


def _is_legacy(endpoint: str) -> bool:
    return endpoint_of(endpoint).generation is Generation.LEGACY


def _refused(task: NamedTask, detail: str) -> Named:
    return Named(task_id=task.task_id, finding=Finding.REFUSED, detail=detail)


def _unasked(task_id: str, detail: str) -> Named:
    return Named(task_id=task_id, finding=Finding.UNASKED, detail=detail)
