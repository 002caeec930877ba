"""Speaks to Kling for the daemon: creates tasks, asks after them, looks them up by our own id."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from kling_daemon.clock import Clock
from kling_daemon.jobs import Generation, JobState
from kling_daemon.kling.answers import Answers, merge
from kling_daemon.kling.auth import Credential
from kling_daemon.kling.batches import MAX_IDS, Batches
from kling_daemon.kling.by_product import query_by_product
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.entries import EntryReader
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.lists import LAST_LEGACY_PAGE, PAGE_SIZE, ListPage, Lists, ProductType
from kling_daemon.kling.look_ups import LookUps
from kling_daemon.kling.reads import Reads
from kling_daemon.kling.scalars import read_identifier
from kling_daemon.kling.transport import MAX_ANSWER, OnRequest, Transport
from kling_daemon.reports import Report, Source

__all__ = ["MAX_IDS", "NEEDS_API_KEY", "Answers", "KlingClient"]

NEEDS_API_KEY = "Kling's new API takes an API key only; an access key and a secret key open the paths below /v1/"


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
        reads = Reads(self._transport, attempts=read_attempts, backoff=read_backoff)
        self._entries = EntryReader(clock)
        self._batches = Batches(reads, self._entries)
        self._lists = Lists(reads, self._entries)
        self._look_ups = LookUps(reads, self._entries, self._lists)

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
        return self._entries.one(answer, source=Source.SUBMISSION, endpoint=path)

    async def query(self, task_ids: Sequence[str], endpoints: Mapping[str, str] | None = None) -> Answers:
        """Ask after tasks of either generation, each where it is known.

        endpoints: the paths that created tasks, by their ids, as far as they are known; a solution is asked for
        elsewhere than the others, and without an API key each product is asked for its own. An id that cannot be
        Kling's is not asked for and counts as unknown. A request that fails, or an entry that cannot be read, loses
        nobody else's report.
        """
        ids = list(dict.fromkeys(task_ids))
        askable = [task_id for task_id in ids if read_identifier(task_id) == task_id]
        never_asked = Answers(unknown_ids=frozenset(ids).difference(askable))
        if self.opens_new_generation:
            answers = await self._batches.query(askable, endpoints or {})
        else:
            answers = await query_by_product(self, askable, endpoints or {})
        return merge([never_asked, answers])

    async def query_one(self, path: str, task_or_external_id: str) -> Report | None:
        """Ask after one legacy task at the path that created it; None when Kling does not know the id."""
        return await self._look_ups.one("query_one", path, task_or_external_id, Source.POLL)

    def pages(
        self,
        path: str,
        *,
        since: datetime | None = None,
        states: Collection[JobState] = (),
        products: Collection[ProductType] = (),
        size: int = PAGE_SIZE,
        most: int = LAST_LEGACY_PAGE,
    ) -> AsyncGenerator[ListPage, None]:
        """Read a list page by page, as `Lists.pages` says; the new API's are `/tasks` and `/solutions`."""
        return self._lists.pages(path, since=since, states=states, products=products, size=size, most=most)

    async def look_up(self, path: str, external_id: str, *, made: datetime) -> Report | None:
        """Find the task that an ambiguous create may have made, by our own id.

        made: when the intent was stored. None only when Kling has clearly said that there is no such task; anything
        less clear is a KlingError.
        """
        self._check_opens(endpoint_of(path).generation)
        return await self._look_ups.find(path, external_id, made=made)

    def _check_opens(self, generation: Generation) -> None:
        """Raise what Kling would answer, without asking it."""
        if generation is Generation.NEW and not self.opens_new_generation:
            raise KlingError(ErrorKind.NO_API_KEY, NEEDS_API_KEY)
