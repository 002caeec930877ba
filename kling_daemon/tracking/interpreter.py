"""What a callback comes to that is not refused: what is recorded of it and how it is answered, without any I/O."""

from collections import defaultdict
from dataclasses import replace

import structlog

from kling_daemon.jobs import Job, JobState
from kling_daemon.kling.bodies import Flaw, UnreadableError, read_body
from kling_daemon.kling.dialects import read_task
from kling_daemon.reports import Report, Source
from kling_daemon.store import HintWeight, News, RawCallback
from kling_daemon.telemetry import Rarely
from kling_daemon.tracking.callbacks import Answer, Decided, Judged, Read
from kling_daemon.tracking.trust import VerdictKind

log = structlog.get_logger(__name__)

UNREADABLE = "unreadable"
"""The verdict under which a signed callback is kept that this version cannot read."""

BAD_REQUEST = Answer(status=400)
_OK, _ACCEPTED = Answer(status=200), Answer(status=202)


class Interpreter:
    """Reads callbacks, and says what is to be made of them."""

    def __init__(self, *, adopt: bool) -> None:
        """adopt: whether unknown tasks that call back are tracked from then on."""
        self._adopt = adopt
        # Whoever has caught one can send it as often as he likes for as long as its signature is fresh.
        self._unread: defaultdict[Flaw, Rarely] = defaultdict(Rarely)

    @staticmethod
    def read(judged: Judged) -> Read:
        """Look into a callback's body, whatever is in it."""
        report: Report | Flaw
        try:
            report = _report_of(judged.raw)
        except UnreadableError as error:
            report = error.flaw
        return Read(verdict=judged.verdict, raw=judged.raw, report=report)

    def decide(self, read: Read) -> Decided:
        """Say what is recorded of a callback, and what is answered once it is; one that cannot be read is signed."""
        verdict, report = read.verdict, read.report
        if isinstance(report, Flaw):
            if (before := self._unread[report].due()) is not None:
                log.warning(
                    "signed callback cannot be read", flaw=report.value, size=len(read.raw.body), passed_over=before
                )
            news = News(callback=replace(read.raw, verdict=UNREADABLE), job_id=verdict.job_id)
            return Decided(
                news=news, answer=BAD_REQUEST, verdict=UNREADABLE, reason=report.value, secret=verdict.secret
            )
        kind, answer = verdict.kind, _OK
        if kind is VerdictKind.WEIGHTLESS:
            news, answer = News(hint=HintWeight.NONE, hinted_task_id=report.task_id), _ACCEPTED
        else:
            news = self._news(kind, report, read.raw, verdict.job_id)
            if report.state is None and kind is VerdictKind.BELIEVED:
                log.warning("unknown status word", word=report.strange_word, task_id=report.task_id)
        return Decided(news=news, answer=answer, verdict=str(kind), reason=verdict.reason, secret=verdict.secret)

    def follow_up(self, ignored: News, perhaps: Job | None) -> News | None:
        """Return what can be made of a report that its callback's address was no use for, step by step.

        perhaps: a job that it may be about, though nothing in it says so.
        """
        report, raw = ignored.report, ignored.callback
        if report is None:
            return None
        if ignored.job_id is not None:
            if raw is not None and raw.secret is None:
                # Believed for its capability, but not fit for that job: then it is a hint about it, like any other.
                raw = replace(raw, verdict=VerdictKind.HINT.value)
                return self._news(VerdictKind.HINT, report, raw, ignored.job_id)
            if perhaps is not None:
                # Kling, asked, tells what create the task is of; until then it is neither this job's nor a new one's.
                return News(hint=HintWeight.JOB, hinted_task_id=report.task_id)
            # Kling signed it, so it is true of the task that it names, also where it came to another job's address.
            return News(report=report, adopt=self._adopts(report))
        if self._adopt and not self._adopts(report):
            return News(hint=HintWeight.NONE, hinted_task_id=report.task_id)
        return None

    def decide_again(self, raw: RawCallback, job_id: str | None, kind: VerdictKind) -> News:
        """Say what is recorded of a kept callback that an earlier version could not read.

        kind: what signed callbacks are worth now.
        """
        try:
            report = _report_of(raw)
        except UnreadableError:
            return News(callback=raw, job_id=job_id, recount=False)
        return self._news(kind, report, replace(raw, verdict=kind.value), job_id, recount=False)

    def _news(
        self, kind: VerdictKind, report: Report, raw: RawCallback, job_id: str | None, *, recount: bool = True
    ) -> News:
        """Return what is recorded of a callback that is believed, or that is a hint with the weight of a job."""
        if kind is VerdictKind.HINT:
            # A capability names exactly one job, whatever ids the body holds; they count where there is none such.
            return News(
                callback=raw, hint=HintWeight.JOB, job_id=job_id, hinted_task_id=report.task_id, recount=recount
            )
        adopt = self._adopts(report) and job_id is None
        return News(report=report, callback=raw, job_id=job_id, adopt=adopt, recount=recount)

    def _adopts(self, report: Report) -> bool:
        # The console's test button sends a signed `submitted` with a made-up id: that alone makes no job.
        return self._adopt and report.state is not JobState.SUBMITTED


def _report_of(raw: RawCallback) -> Report:
    return read_task(read_body(raw.body), source=Source.CALLBACK, received_at=raw.received_at)
