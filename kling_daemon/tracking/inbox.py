"""Takes judged callbacks: reads, records and answers them, in the order that loses nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from kling_daemon import __version__
from kling_daemon.clock import Clock
from kling_daemon.jobs import JobState
from kling_daemon.kling.dialects import UnreadableError, read_body, read_task, status_word
from kling_daemon.reports import Report, Source
from kling_daemon.store import HintWeight, News, RawCallback, Store, StoreUnavailableError
from kling_daemon.tracking.tracker import Tracker
from kling_daemon.tracking.trust import Trust, Verdict, VerdictKind

log = structlog.get_logger(__name__)

UNREADABLE = "unreadable"
"""The verdict under which a believed callback is kept that this version cannot read."""

_UNKEPT_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender of a callback is told; never why."""

    status: int
    retry_after: int | None = None
    """Seconds, for 503."""


class Counters(Protocol):
    """What the inbox counts; filled by the telemetry."""

    def callback(self, verdict: str, reason: str) -> None:
        """Count a callback by how it was judged."""
        ...


class Inbox:
    """Judges callbacks, records what they say, and only then has them answered."""

    def __init__(
        self, *, trust: Trust, tracker: Tracker, store: Store, clock: Clock, counters: Counters, adopt: bool
    ) -> None:
        """Take the rules and the way in. adopt: whether unknown tasks that call back are tracked from then on."""
        self._trust = trust
        self._tracker = tracker
        self._store = store
        self._clock = clock
        self._counters = counters
        self._adopt = adopt

    async def take(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, path: str) -> Answer:
        """Return the answer to a callback; any 2xx means that it is committed.

        The same callback again is counted and changes nothing. A crash before the answer leaves either nothing or
        what a repetition will find already recorded.
        """
        now = self._clock.now()
        verdict = self._trust.judge(headers, body, path, now)
        if verdict.kind is VerdictKind.MISDIRECTED:
            return self._answer(404, verdict)
        if verdict.kind is VerdictKind.REFUSED:
            log.info("callback refused", reason=verdict.reason)
            return self._answer(401, verdict)
        try:
            try:
                data = read_body(body)
                report = read_task(data, source=Source.CALLBACK, received_at=now)
            except UnreadableError as error:
                return await self._take_unreadable(verdict, headers, body, now, error)
            if report.state is None:
                log.warning("unknown status word", word=status_word(data), task_id=report.task_id)
            if verdict.kind is VerdictKind.BELIEVED:
                return await self._take_report(verdict, report, self._raw(verdict, headers, body, now))
            return await self._take_hint(verdict, report, self._raw(verdict, headers, body, now))
        except StoreUnavailableError as error:
            log.error("callback could not be stored", error=str(error))  # noqa: TRY400 - the cause is in the words
            self._counters.callback("unstored", verdict.reason)
            return Answer(status=503, retry_after=5)

    async def read_again(self) -> int:
        """Read believed callbacks that earlier versions could not, and return how many made sense this time."""
        understood = 0
        while batch := await self._store.read.unreadable_callbacks(__version__, _BATCH):
            for raw, job_id in batch:
                try:
                    report = read_task(read_body(raw.body), source=Source.CALLBACK, received_at=raw.received_at)
                except UnreadableError:
                    news = News(callback=raw, job_id=job_id, recount=False)
                else:
                    believed = replace(raw, verdict=VerdictKind.BELIEVED.value)
                    news = News(report=report, callback=believed, job_id=job_id, adopt=self._adopt, recount=False)
                    understood += 1
                await self._tracker.record(news)
        return understood

    async def _take_report(self, verdict: Verdict, report: Report, raw: RawCallback) -> Answer:
        # The console's test button sends a signed `submitted` with a made-up id: that alone makes no job.
        announces = report.state is JobState.SUBMITTED and verdict.job_id is None
        news = News(report=report, callback=raw, job_id=verdict.job_id, adopt=self._adopt and not announces)
        recorded = await self._tracker.record(news)
        if announces and recorded.job is None and self._adopt:
            await self._tracker.record(News(hint=HintWeight.NONE, hinted_task_id=report.task_id))
        return self._answer(200, verdict)

    async def _take_hint(self, verdict: Verdict, report: Report, raw: RawCallback) -> Answer:
        if verdict.kind is VerdictKind.HINT:
            # Exactly the job that the capability names, whatever ids the body holds.
            task_id = report.task_id if verdict.job_id is None else None
            news = News(callback=raw, hint=HintWeight.JOB, job_id=verdict.job_id, hinted_task_id=task_id)
            await self._tracker.record(news)
            return self._answer(200, verdict)
        await self._tracker.record(News(hint=HintWeight.NONE, hinted_task_id=report.task_id))
        return self._answer(202, verdict)

    async def _take_unreadable(
        self,
        verdict: Verdict,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        now: datetime,
        error: UnreadableError,
    ) -> Answer:
        if verdict.secret is None:
            self._counters.callback(UNREADABLE, error.flaw.value)
            return Answer(status=400)
        log.warning("signed callback cannot be read", flaw=error.flaw.value, size=len(body))
        raw = self._raw(verdict, headers, body, now, UNREADABLE)
        await self._tracker.record(News(callback=raw, job_id=verdict.job_id))
        self._counters.callback(UNREADABLE, error.flaw.value)
        return Answer(status=400)

    def _answer(self, status: int, verdict: Verdict) -> Answer:
        self._counters.callback(verdict.kind.value, verdict.reason)
        return Answer(status=status)

    @staticmethod
    def _raw(
        verdict: Verdict,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        now: datetime,
        word: str | None = None,
    ) -> RawCallback:
        return RawCallback(
            webhook_id=verdict.webhook_id,
            body=body,
            headers=b"".join(
                b"%b: %b\r\n" % (name, value) for name, value in headers if name.lower() not in _UNKEPT_HEADERS
            ),
            verdict=word or verdict.kind.value,
            secret=verdict.secret,
            received_at=now,
        )
