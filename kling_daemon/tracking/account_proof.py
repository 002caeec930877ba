"""Tells whether the key opens the account whose jobs we know: Kling answers any other key just as willingly.

To a key of another account, or of another region, Kling says that there is no such task, and lists tasks that are
none of ours. So what it says to a key that is new to us must not have a create sent again, nor tasks adopted.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Self

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.jobs import Job
from kling_daemon.kling.answers import Answers
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.everywhere import has_own_query, is_asked_everywhere, query_everywhere
from kling_daemon.kling.expiry import LIFETIME
from kling_daemon.store import Store
from kling_daemon.tracking.notice_board import NoticeBoard

log = structlog.get_logger(__name__)

WITNESSES = 10
"""How many jobs are asked for: a request, and one more for each legacy job that `/tasks` does not show."""
_CHOICE = 200
"""From how many they are chosen: with access key and secret key alone not every job can be asked for."""
_DENIED = Backoff(least=timedelta(minutes=1), longest=timedelta(minutes=15))
"""The pauses while Kling knows none of them."""
_TROUBLED = Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=1))
"""The pauses while Kling cannot be asked: creates wait for the answer."""


class AccountProof:
    """Holds once Kling has told, in this run, of a job of ours that it had told of before this run.

    It also holds where there is no such job of the last 30 days, since then there is nothing to mix up. It does not
    end within a run: the key stays the same. Until it holds there is a notice, once Kling has denied all of them.
    """

    def __init__(
        self, witnesses: Sequence[Job], *, client: KlingClient, board: NoticeBoard, clock: Clock, account: str
    ) -> None:
        self._witnesses = {job.task_id: job for job in witnesses if job.task_id is not None}
        self._client = client
        self._board = board
        self._clock = clock
        self._account = account
        self._is_given = False
        self._failures = 0
        self._pauses = _TROUBLED
        self._next_ask = clock.monotonic()
        self._asking = asyncio.Lock()

    @classmethod
    async def open(
        cls, store: Store, client: KlingClient, board: NoticeBoard, clock: Clock, *, account: str = "default"
    ) -> Self:
        """Choose the witnesses, before anything can be learnt with this key; Kling is not asked yet."""
        heard = await store.due.once_known(since=clock.now() - LIFETIME, limit=_CHOICE)
        askable = is_asked_everywhere if client.opens_new_generation else has_own_query
        return cls(
            [job for job in heard if askable(job)][:WITNESSES],
            client=client,
            board=board,
            clock=clock,
            account=account,
        )

    async def holds(self) -> bool:
        """Return whether the key is proved to be the right one; Kling is asked, unless that was done a moment ago."""
        async with self._asking:
            if not self._is_given and self._clock.monotonic() >= self._next_ask:
                await self._ask()
            return self._is_given

    async def look(self) -> None:
        """Do as `holds`, so that the operator is told also where nobody asks."""
        await self.holds()

    async def _ask(self) -> None:
        asked = self._chosen()
        answers = await query_everywhere(self._client, asked) if asked else Answers()
        if answers.reports or not asked:
            self._is_given = await self._board.take_down(NoticeKind.KLING_ACCOUNT, self._account)
            return
        self._failures += 1
        is_denied = not answers.unanswered_ids and len(asked) == len(self._witnesses)
        if is_denied or answers.unanswered_ids:
            self._pauses = _DENIED if is_denied else _TROUBLED
        self._next_ask = self._clock.monotonic() + self._pauses.pause(self._failures).total_seconds()
        if not is_denied:
            return
        log.warning("kling knows none of the jobs that it knew", jobs=len(self._witnesses))
        await self._board.put_up(
            NoticeKind.KLING_ACCOUNT,
            self._account,
            f"Kling answers, but knows none of the last {len(self._witnesses)} jobs that it told of before this start. "
            "Is the key one of another account, or of another region than kling.base_url? No job is ended because of "
            "this. Until Kling knows one of them, no task on its lists is adopted, and no create is sent again whose "
            "answer an earlier run has not got.",
        )

    def _chosen(self) -> dict[str, Job]:
        """Return whom to ask for: all, and every other time one alone: one may be what Kling cannot answer for."""
        ids = list(self._witnesses)
        if self._failures % 2 == 0:
            return self._witnesses
        alone = ids[self._failures // 2 % len(ids)]
        return {alone: self._witnesses[alone]}
