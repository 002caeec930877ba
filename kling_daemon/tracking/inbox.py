"""Takes judged callbacks: reads, records and answers them, in the order that loses nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import structlog

from kling_daemon import __version__
from kling_daemon.clock import Clock
from kling_daemon.jobs import JobState
from kling_daemon.kling.bodies import UnreadableError, read_body
from kling_daemon.kling.dialects import read_task, status_word
from kling_daemon.reports import Report, Source
from kling_daemon.store import Effect, HintWeight, News, RawCallback, Store, StoreUnavailableError
from kling_daemon.tracking.tracker import Tracker
from kling_daemon.tracking.trust import Trust, Verdict, VerdictKind

log = structlog.get_logger(__name__)

UNREADABLE = "unreadable"
"""The verdict under which a signed callback is kept that this version cannot read."""

_UNKEPT_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
_BATCH = 100
_RETRY_AFTER = 5


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
            return await self._take_judged(verdict, _raw(verdict, headers, body, now))
        except StoreUnavailableError as error:
            log.error("callback could not be stored", error=str(error))  # noqa: TRY400 - the cause is in the words
            self._counters.callback("unstored", verdict.reason)
            return Answer(status=503, retry_after=_RETRY_AFTER)

    async def read_again(self) -> int:
        """Read signed callbacks that earlier versions could not, and return how many made sense this time."""
        understood = 0
        while batch := await self._store.read.unreadable_callbacks(__version__, _BATCH):
            for raw, job_id in batch:
                try:
                    report = _read(read_body(raw.body), raw)
                except UnreadableError:
                    await self._tracker.record(News(callback=raw, job_id=job_id, recount=False))
                else:
                    kind = self._trust.signed_kind
                    await self._record(kind, report, replace(raw, verdict=kind.value), job_id, recount=False)
                    understood += 1
        return understood

    async def _take_judged(self, verdict: Verdict, raw: RawCallback) -> Answer:
        try:
            data = read_body(raw.body)
            report = _read(data, raw)
        except UnreadableError as error:
            if verdict.secret is not None:
                log.warning("signed callback cannot be read", flaw=error.flaw.value, size=len(raw.body))
                await self._tracker.record(News(callback=replace(raw, verdict=UNREADABLE), job_id=verdict.job_id))
            self._counters.callback(UNREADABLE, error.flaw.value)
            return Answer(status=400)
        if verdict.kind is VerdictKind.WEIGHTLESS:
            await self._tracker.record(News(hint=HintWeight.NONE, hinted_task_id=report.task_id))
            return self._answer(202, verdict)
        if report.state is None and verdict.kind is VerdictKind.BELIEVED:
            log.warning("unknown status word", word=status_word(data), task_id=report.task_id)
        await self._record(verdict.kind, report, raw, verdict.job_id)
        return self._answer(200, verdict)

    async def _record(
        self, kind: VerdictKind, report: Report, raw: RawCallback, job_id: str | None, *, recount: bool = True
    ) -> None:
        """Commit a callback that is believed, or that is a hint with the weight of a job."""
        if kind is VerdictKind.HINT:
            # A capability names exactly one job, whatever ids the body holds.
            task_id = report.task_id if job_id is None else None
            hint = News(callback=raw, hint=HintWeight.JOB, job_id=job_id, hinted_task_id=task_id, recount=recount)
            await self._tracker.record(hint)
            return
        # The console's test button sends a signed `submitted` with a made-up id: that alone makes no job.
        announces = report.state is JobState.SUBMITTED
        adopt = self._adopt and not announces
        news = News(report=report, callback=raw, job_id=job_id, adopt=adopt and job_id is None, recount=recount)
        recorded = await self._tracker.record(news)
        if recorded.effect is Effect.IGNORED and job_id is not None and raw.secret is not None:
            # Kling signed it, so it is true of the task that it names, also where it came to another job's address.
            recorded = await self._tracker.record(News(report=report, adopt=adopt))
        if recorded.effect is Effect.IGNORED and announces and self._adopt and raw.secret is not None:
            await self._tracker.record(News(hint=HintWeight.NONE, hinted_task_id=report.task_id))

    def _answer(self, status: int, verdict: Verdict) -> Answer:
        self._counters.callback(verdict.kind.value, verdict.reason)
        return Answer(status=status)


def _raw(verdict: Verdict, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: datetime) -> RawCallback:
    lines = b"".join([b"%b: %b\r\n" % header for header in headers if header[0].lower() not in _UNKEPT_HEADERS])
    if verdict.job_id is not None:
        # Proxies hand the path on in headers of their own; what opens it for everybody must not be kept.
        lines = re.sub(rb"(%b)\.[\w-]+" % verdict.job_id.encode(), rb"\1", lines)
    return RawCallback(
        webhook_id=verdict.webhook_id,
        body=body,
        headers=lines,
        verdict=verdict.kind.value,
        secret=verdict.secret,
        received_at=now,
    )


def _read(data: Any, raw: RawCallback) -> Report:
    return read_task(data, source=Source.CALLBACK, received_at=raw.received_at)
