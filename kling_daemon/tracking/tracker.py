"""The only way in for news about jobs: committed first, then told to whoever listens."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import structlog

from kling_daemon.bus import Bus
from kling_daemon.events import EventType, JobEvent
from kling_daemon.jobs import Job
from kling_daemon.reports import Report
from kling_daemon.store import Effect, HintWeight, News, Recorded, Store

log = structlog.get_logger(__name__)

MAX_CONTRADICTIONS = 1000
"""How many contradicted jobs wait to be told of; of more, nobody would read."""
MAX_WORDS = 20
"""How many status words that nobody here knows are told of; more of them would be no words."""
_CHANGED = EventType.STATUS_CHANGED


class Counters(Protocol):
    """What the tracker counts; filled by the telemetry."""

    def reports(self, source: str, effect: str, count: int) -> None:
        """Count believed reports."""
        ...

    def events(self, event_type: str, count: int) -> None:
        """Count stored events."""
        ...

    def jobs_moved(self, previous: str | None, state: str, count: int, *, ended: bool) -> None:
        """Follow jobs from state to state."""
        ...

    def contradiction(self, what: str) -> None:
        """Count a report that contradicts a job's `end`, or its `results`."""
        ...

    def missed_callback(self, endpoint: str | None, model: str | None) -> None:
        """Count a job whose end a poll had to find."""
        ...

    def hints_evicted(self, count: int) -> None:
        """Count hints that gave way to newer ones."""
        ...


class Tracker:
    """Records news and then rings the bell.

    When `record` returns, everything that follows from the news is on disk. The bus is rung once for all that one
    commit brought, on the next turn of the loop; a crash in between loses the ring and nothing else.
    """

    def __init__(self, store: Store, bus: Bus, counters: Counters) -> None:
        """Take where news is kept, told and counted."""
        self.polls_changed = asyncio.Event()
        """Set when a job may be due to be polled earlier than before, or a hint to be followed."""
        self.is_told_of_hints = True
        """Whether one without weight sets it too: not while it is known when Kling is asked about the next of them."""
        self._store = store
        self._bus = bus
        self._counters = counters
        self._untold: list[tuple[News, Recorded]] = []
        self._strange_words: dict[str, str] = {}
        self._contradicted: dict[str, str] = {}

    async def record(self, news: News) -> Recorded:
        """Commit one piece of news and return what it led to; StoreUnavailableError, and no trace, if it cannot be."""
        recorded = await self._store.record(news)
        self.tell(news, recorded)
        return recorded

    async def record_all(self, news: Sequence[News]) -> list[Recorded]:
        """Commit several pieces of news, each as by itself; the first failure is raised when all have ended."""
        return results_of(await self.record_each(news))

    async def record_each(self, news: Sequence[News]) -> list[Recorded | Exception]:
        """Commit several pieces of news, each as by itself, and return what came of each; raises nothing."""
        outcomes = await self._store.record_each(news)
        for piece, outcome in zip(news, outcomes, strict=True):
            if not isinstance(outcome, Exception):
                self.tell(piece, outcome)
        return outcomes

    def tell(self, news: News, recorded: Recorded) -> None:
        """Have committed news published together with whatever else its commit group brought."""
        if not self._untold:
            # In a context of its own: the log lines are about all that was committed, not about this caller's job.
            asyncio.get_running_loop().call_soon(self._flush, context=contextvars.Context())
        self._untold.append((news, recorded))

    def take_strange_words(self) -> dict[str, str]:
        """Return the status words that nobody here knows, each with a job that stands so; forget them."""
        words, self._strange_words = self._strange_words, {}
        return words

    def take_contradictions(self) -> dict[str, str]:
        """Return the ids of the jobs that Kling has contradicted, each with what it contradicts; forget them."""
        contradicted, self._contradicted = self._contradicted, {}
        return contradicted

    def _flush(self) -> None:
        untold, self._untold = self._untold, []
        events = [event for _, recorded in untold for event in recorded.events]
        if events:
            self._bus.publish(events)
        if any(self._may_hurry_polls(news, recorded) for news, recorded in untold):
            self.polls_changed.set()
        self._count(untold, events)
        _log(untold)

    def _count(self, untold: Sequence[tuple[News, Recorded]], events: Sequence[JobEvent]) -> None:
        """Count each kind of thing once for all that one commit brought."""
        effects = Counter((news.report.source, done.effect) for news, done in untold if news.report is not None)
        for (source, effect), count in effects.items():
            self._counters.reports(source.value, effect.value, count)
        for event_type, count in Counter(event.type for event in events).items():
            self._counters.events(event_type.value, count)
        moves = Counter((event.previous_state, event.job.state) for event in events if event.type is _CHANGED)
        for (previous, state), count in moves.items():
            self._counters.jobs_moved(previous, state.value, count, ended=state.is_terminal)
        for news, recorded in untold:
            job = recorded.job
            if news.report is not None and news.report.state is None and job is not None:
                self._note_strange_word(news.report.strange_word, job)
            if news.report is not None and job is not None and job.callback_missed and recorded.events:
                self._counters.missed_callback(job.endpoint, job.model)
            if recorded.effect is Effect.CONTRADICTED and news.report is not None and job is not None:
                self._note_contradiction(news.report, job)
            if recorded.evicted_hints:
                self._counters.hints_evicted(recorded.evicted_hints)

    def _may_hurry_polls(self, news: News, recorded: Recorded) -> bool:
        if recorded.effect is Effect.HINTED:
            return self.is_told_of_hints or news.hint is HintWeight.JOB
        if recorded.effect is Effect.CONTRADICTED:
            return True
        return recorded.effect is Effect.ADVANCED and recorded.job is not None and not recorded.job.state.is_terminal

    def _note_contradiction(self, report: Report, job: Job) -> None:
        what = "results" if report.verdict is job.state else "end"
        self._counters.contradiction(what)
        if len(self._contradicted) < MAX_CONTRADICTIONS:
            self._contradicted.setdefault(job.id, what)

    def _note_strange_word(self, word: str, job: Job) -> None:
        if len(self._strange_words) < MAX_WORDS:
            self._strange_words[word] = job.id


def results_of(outcomes: Sequence[Recorded | Exception]) -> list[Recorded]:
    """Return the results, where all are; raises the first failure."""
    results = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
        results.append(outcome)
    return results


def _log(untold: Sequence[tuple[News, Recorded]]) -> None:
    """Write one line for one job, and one for all where a commit brought many: a line per callback costs a sixth."""
    moved = [recorded.job for _, recorded in untold if recorded.effect is Effect.ADVANCED and recorded.job is not None]
    if len(moved) == 1:
        (job,) = moved
        log.info("job moved", job_id=job.id, task_id=job.task_id, state=job.state.value, reason=job.reason)
    elif moved:
        states = Counter(job.state.value for job in moved)
        log.info("jobs moved", jobs=len(moved), first_job_id=moved[0].id, **states)
