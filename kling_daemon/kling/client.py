"""Speaks to Kling for the daemon: creates tasks, asks after them, looks them up by our own id."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import stamina
import structlog

from kling_daemon.clock import Clock
from kling_daemon.jobs import Generation
from kling_daemon.kling.answers import PERHAPS_ONE_ID, Answers, merge
from kling_daemon.kling.auth import Credential
from kling_daemon.kling.bodies import UnreadableError
from kling_daemon.kling.by_product import PAGE_SIZE, query_by_product
from kling_daemon.kling.dialects import entries_of, read_task, status_word, task_id_of
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.scalars import read_identifier
from kling_daemon.kling.transport import MAX_ANSWER, OnRequest, Transport
from kling_daemon.reports import Report, Source

log = structlog.get_logger(__name__)

MAX_IDS = 20
"""How many ids one `GET /tasks` takes; Kling answers 1201 to more."""

NEEDS_API_KEY = "Kling's new API takes an API key only; an access key and a secret key open the paths below /v1/"

_TASKS = "/tasks"
_NO_SEGMENTS = frozenset({"", ".", ".."})  # at the end of a path they would name something else than a task
_UNREADABLE = "the answer holds no readable task"
_OTHER_TASK = "the answer speaks of another task"


class KlingClient:
    """One account at one Kling host. Use it as an async context manager; it owns its connections.

    Every method raises KlingError and nothing else, whatever Kling or a proxy sends. Reads are tried again a few times
    where that may help, creates never: that is decided where the intent is stored. No body, key or result URL is
    logged.
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        *,
        clock: Clock,
        timeout: timedelta = timedelta(seconds=30),
        max_requests_per_second: float = 10,
        read_attempts: int = 4,
        read_backoff: timedelta = timedelta(milliseconds=500),
        max_answer: int = MAX_ANSWER,
        on_request: OnRequest = lambda _verb, _outcome: None,
    ) -> None:
        """Take the settings.

        read_attempts: how often a read is sent at most. read_backoff: the first pause between two, doubling, with as
        much jitter. on_request: told of every request, each attempt included.
        """
        self._transport = Transport(
            base_url,
            credential,
            timeout=timeout,
            max_requests_per_second=max_requests_per_second,
            max_answer=max_answer,
            on_request=on_request,
        )
        self._credential = credential
        self._clock = clock
        self._read_attempts = read_attempts
        self._read_backoff = read_backoff

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    @property
    def opens_new_generation(self) -> bool:
        """False when our credential is good for legacy paths only; the others then raise, and nothing is sent."""
        return self._credential.opens_new_generation

    async def create(self, path: str, body: bytes) -> Report:
        """Create a task and return Kling's first report of it. Sent once, unless our token was refused for its time.

        body: JSON, sent as it is. On an error whose kind says `calls_for_look_up`, there may be a task.
        """
        self._check_opens(endpoint_of(path).generation)
        answer = await self._transport.request("create", "POST", path, body=body)
        return self._read_one(answer, source=Source.SUBMISSION, endpoint=path)

    async def query(self, task_ids: Sequence[str], endpoints: Mapping[str, str] | None = None) -> Answers:
        """Ask after tasks of either generation, in requests of at most 20 ids that run side by side.

        endpoints: the paths that created tasks, by their ids, as far as they are known; they matter where our
        credential does not open `GET /tasks`. An id that cannot be Kling's is not asked for and counts as unknown. A
        request that fails, or an entry that cannot be read, loses nobody else's report.
        """
        ids = list(dict.fromkeys(task_ids))
        askable = [task_id for task_id in ids if read_identifier(task_id) == task_id]
        if not self.opens_new_generation:
            never_asked = Answers(unknown_ids=frozenset(ids).difference(askable))
            return merge([never_asked, await query_by_product(self, askable, endpoints or {})])
        chunks = [askable[start : start + MAX_IDS] for start in range(0, len(askable), MAX_IDS)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._query_chunk(chunk), name=f"kling query {number}")
                for number, chunk in enumerate(chunks, start=1)
            ]
        never_asked = Answers(unknown_ids=frozenset(ids).difference(askable))
        return merge([never_asked, *(task.result() for task in tasks)])

    async def query_one(self, path: str, task_or_external_id: str) -> Report | None:
        """Ask after one legacy task at the path that created it; None when Kling does not know the id."""
        return await self._query_legacy("query_one", path, task_or_external_id, Source.POLL)

    async def newest(self, path: str, wanted: frozenset[str]) -> tuple[Report, ...]:
        """Return what the newest page (500 tasks) of a legacy product's list says about the wanted tasks."""
        answer = await self._read("list", path, {"pageNum": "1", "pageSize": str(PAGE_SIZE)})
        entries = [entry for entry in _entries_of(answer) if task_id_of(entry) in wanted]
        return self._read_entries(wanted, entries, endpoint=path).reports

    async def look_up(self, path: str, external_id: str) -> Report | None:
        """Find the task that an ambiguous create may have made, by our own id.

        None only when Kling has clearly said that there is none; anything less clear is a KlingError.
        """
        endpoint = endpoint_of(path)
        if not endpoint.has_external_id or external_id in _NO_SEGMENTS or "," in external_id:
            raise KlingError(ErrorKind.NO_SUCH_RESOURCE, f"{path} offers no look-up by this external id")
        if endpoint.generation is Generation.LEGACY:
            return await self._query_legacy("look_up", path, external_id, Source.SUBMISSION)
        self._check_opens(endpoint.generation)
        answer = await self._read("look_up", _TASKS, {"external_task_ids": external_id})
        entries = _entries_of(answer)
        reports = [self._read_one(entry, source=Source.SUBMISSION, endpoint=path) for entry in entries]
        if not reports:
            return None
        for report in reports:
            # An answer to one id need not repeat it.
            if report.external_id == external_id or (report.external_id is None and len(reports) == 1):
                return report
        raise KlingError(ErrorKind.UNINTELLIGIBLE, _OTHER_TASK)

    def _check_opens(self, generation: Generation) -> None:
        """Raise what Kling would answer, without asking it."""
        if generation is Generation.NEW and not self.opens_new_generation:
            raise KlingError(ErrorKind.CREDENTIALS, NEEDS_API_KEY)

    async def _query_chunk(self, ids: list[str]) -> Answers:
        try:
            answer = await self._read("query", _TASKS, {"task_ids": ",".join(ids)})
            entries = _entries_of(answer)
        except KlingError as error:
            if error.kind in PERHAPS_ONE_ID and len(ids) > 1:
                # One id that Kling takes offence at must not silence the others for ever.
                middle = len(ids) // 2
                return merge([await self._query_chunk(ids[:middle]), await self._query_chunk(ids[middle:])])
            if error.kind is ErrorKind.TASK_NOT_FOUND:
                return Answers(unknown_ids=frozenset(ids))
            if error.kind in PERHAPS_ONE_ID:
                log.warning("kling refuses to be asked for a task", task_id=ids[0], error=str(error))
            return Answers(unanswered_ids=frozenset(ids), errors=(error,))
        return self._read_entries(frozenset(ids), entries)

    def _read_entries(self, asked: frozenset[str], entries: Iterable[Any], endpoint: str | None = None) -> Answers:
        reports: list[Report] = []
        unread: set[str | None] = set()
        for entry in entries:
            try:
                report = self._read_entry(entry, source=Source.POLL, endpoint=endpoint)
            except UnreadableError as error:
                log.warning("unreadable entry in an answer of kling's", flaw=error.flaw)
                unread.add(task_id_of(entry))
                continue
            if report.task_id in asked:
                reports.append(report)
            else:
                log.warning("kling answered for a task that was not asked for", task_id=report.task_id)
        missing = asked.difference(report.task_id for report in reports)
        # An entry without even an id may be any of the missing ones, and then none of them is known to be unknown.
        unanswered = missing if None in unread else missing & unread
        return Answers(reports=tuple(reports), unknown_ids=missing - unanswered, unanswered_ids=frozenset(unanswered))

    async def _query_legacy(self, verb: str, path: str, id_: str, source: Source) -> Report | None:
        if id_ in _NO_SEGMENTS:
            return None
        try:
            answer = await self._read(verb, f"{path}/{quote(id_, safe='')}", None)
        except KlingError as error:
            if error.kind is ErrorKind.TASK_NOT_FOUND:
                return None
            raise
        report = self._read_one(answer, source=source, endpoint=path)
        if report.task_id != id_ and report.external_id not in (None, id_):
            raise KlingError(ErrorKind.UNINTELLIGIBLE, _OTHER_TASK)
        return report

    async def _read(self, verb: str, path: str, query: Mapping[str, str] | None) -> dict[str, Any]:
        """Send a read, again where that may help; its last error is raised."""
        backoff = self._read_backoff
        async for attempt in stamina.retry_context(
            on=_may_help_to_ask_again,
            attempts=self._read_attempts,
            timeout=None,
            wait_initial=backoff,
            wait_max=backoff * 16,
            wait_jitter=backoff,
        ):
            with attempt:
                return await self._transport.request(verb, "GET", path, query=query)
        raise AssertionError("stamina ends with a result or an error")

    def _read_one(self, data: Any, *, source: Source, endpoint: str) -> Report:
        try:
            return self._read_entry(data, source=source, endpoint=endpoint)
        except UnreadableError as error:
            raise KlingError(ErrorKind.UNINTELLIGIBLE, f"{_UNREADABLE}: {error.flaw}") from error

    def _read_entry(self, data: Any, *, source: Source, endpoint: str | None = None) -> Report:
        report = read_task(data, source=source, received_at=self._clock.now(), endpoint=endpoint)
        if report.state is None:
            log.warning("unknown status word of kling's", task_id=report.task_id, status=status_word(data))
        return report


def _may_help_to_ask_again(error: Exception) -> bool:
    return isinstance(error, KlingError) and error.kind.is_retryable_read


def _entries_of(answer: Mapping[str, Any]) -> list[Any]:
    try:
        return entries_of(answer)
    except UnreadableError as error:
        raise KlingError(ErrorKind.UNINTELLIGIBLE, f"{_UNREADABLE}: {error.flaw}") from error
