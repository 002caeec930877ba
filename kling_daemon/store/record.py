"""Records news: inside one transaction the pure core folds the reports, and the result is written in sets.

A few SELECTs load all jobs that a group names, the reports are folded in the order in which they arrived, and what
came of it is written many rows at a time. Reading before the transaction would let two reports of one group both end
a job. State rules stand in the core alone; the unique indexes of the schema guard them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from kling_daemon.clock import Clock, optional, to_millis
from kling_daemon.events import JobEvent, events_of
from kling_daemon.jobs import Job, JobState
from kling_daemon.polling import Following, PollPolicy
from kling_daemon.reports import Change, Report, adopt, fold
from kling_daemon.store.bulk import BulkInsert, marks
from kling_daemon.store.event_cache import EventCache
from kling_daemon.store.evidence import Evidence
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.group import Group
from kling_daemon.store.hint_backoff import HintBackoff
from kling_daemon.store.hints import HintDesk
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.news import Effect, HintWeight, News, Recorded
from kling_daemon.store.rows import JOB_COLUMNS, StoredJob, from_row, to_row, to_snapshot
from kling_daemon.store.sequences import Sequences
from kling_daemon.store.statements import Statements


class Recorder:
    """The operation behind `Store.record`."""

    def __init__(
        self,
        *,
        account: str,
        clock: Clock,
        policy: PollPolicy,
        random: Random,
        sequences: Sequences,
        fanout: Fanout,
        cache: EventCache,
        hints: HintDesk,
        hint_backoff: HintBackoff,
    ) -> None:
        """Take what it shares with the other operations of the one writer."""
        self._account = account
        self._clock = clock
        self._policy = policy
        self._random = random
        self._sequences = sequences
        self._fanout = fanout
        self._cache = cache
        self._hints = hints
        self._hint_backoff = hint_backoff
        self._evidence = Evidence(account=account, sequences=sequences)
        self._sql = Statements("record")
        self._save_jobs = BulkInsert(self._sql["save_job"], marks(len(JOB_COLUMNS)))
        self._save_reports = BulkInsert(self._sql["save_report"], marks(8))
        self._save_events = BulkInsert(self._sql["save_event"], marks(8))

    def __call__(self, db: sqlite3.Connection, units: Sequence[News]) -> list[Recorded]:
        """Record a group of news; runs inside the writer's transaction."""
        now = self._clock.now()
        group = self._load(db, units)
        self._evidence.begin(db, units, group.by_id)
        done = [self._record(group, news, now) for news in units]
        events = self._emit(group, now)
        recorded = [
            Recorded(effect=effect, job=job, events=next(events) if effect is Effect.ADVANCED else ())
            for effect, job in done
        ]
        evicted = self._write(db, group, now)
        if evicted:
            last = max(index for index, news in enumerate(units) if news.hint is not None)
            recorded[last] = replace(recorded[last], evicted_hints=evicted)
        return recorded

    def make(self, db: sqlite3.Connection, job: Job, *, callback_expected: bool, now: datetime) -> Recorded:
        """Store a job that we are about to submit, with its first event."""
        group = Group(by_id={}, by_task={}, unanswered={})
        self._evidence.begin(db, (), {})
        following = Following(callback_expected=callback_expected)
        stored = StoredJob(seq=self._sequences.next("jobs"), job=job, following=following)
        group.keep(stored)
        group.moves.append((stored, Change(job=job, previous_state=None, advanced=True, contradicted=False)))
        (events,) = self._emit(group, now)
        self._write(db, group, now)
        return Recorded(effect=Effect.ADVANCED, job=job, events=events)

    def _load(self, db: sqlite3.Connection, units: Sequence[News]) -> Group:
        tasks: set[str] = set()
        ids: set[str] = set()
        external_ids: set[str] = set()
        for news in units:
            if news.job_id is not None:
                ids.add(news.job_id)
            if news.hinted_task_id is not None:
                tasks.add(news.hinted_task_id)
            if news.report is not None and news.report.task_id is not None:
                tasks.add(news.report.task_id)
            if news.report is not None and news.report.external_id is not None:
                external_ids.add(news.report.external_id)
        group = Group(by_id={}, by_task={}, unanswered={})
        if tasks:
            self._add(group, db.execute(self._sql["load_by_task"], (self._account, to_json_text(list(tasks)))))
        if ids:
            self._add(group, db.execute(self._sql["load_by_id"], (to_json_text(list(ids)),)))
        if external_ids:
            parameters = (self._account, to_json_text(list(external_ids)))
            self._add(group, db.execute(self._sql["load_by_external_id"], parameters))
        return group

    @staticmethod
    def _add(group: Group, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            stored = from_row(row)
            group.by_id[stored.job.id] = stored
            if stored.job.task_id is not None:
                group.by_task[stored.job.task_id] = stored
            elif stored.job.external_id is not None:
                group.unanswered[stored.job.external_id] = stored.job.id

    def _record(self, group: Group, news: News, now: datetime) -> tuple[Effect, Job | None]:
        if news.hint is not None:
            effect, job = self._hint(group, news, now)
        elif news.report is None:
            effect, job = Effect.IGNORED, None
        else:
            return self._report(group, news, news.report, now)
        if news.callback is not None:
            self._evidence.keep(news, news.callback, group.by_id[job.id].seq if job is not None else None)
        return effect, job

    def _report(self, group: Group, news: News, report: Report, now: datetime) -> tuple[Effect, Job | None]:
        known = self._find(group, news, report)
        if news.only_if is not None and (known is None or known.following != news.only_if):
            return Effect.IGNORED, known.job if known is not None else None
        if known is None and not (news.adopt and report.task_id is not None and report.task_id not in group.by_task):
            if news.callback is not None:
                self._evidence.keep(news, news.callback, None)
            return Effect.IGNORED, self._perhaps(group, news, now)
        if known is None:
            seq = self._sequences.next("jobs")
            change = adopt(report, self._account, news.tags)
            effect = Effect.ADVANCED
        else:
            seq = known.seq
            if news.polled_at is not None:
                # Decided here and not when Kling was asked: a callback may have come meanwhile.
                report = replace(report, callback_missed=known.following.is_left_to_callbacks)
            change = fold(known.job, report)
            effect = _effect(known.job, change)
            self._hint_backoff.note(known, is_moved=change.advanced, is_asked=news.polled_at is not None, now=now)
        callback = self._evidence.keep(news, news.callback, seq) if news.callback is not None else None
        following = self._policy.after_news(
            known.following if known is not None else None,
            change.job,
            source=report.source,
            polled_at=news.polled_at,
            now=now,
            random=self._random.random,
        )
        following = self._hint_backoff.after(change, report.source, following, now)
        after = StoredJob(seq=seq, job=change.job, following=following)
        if change.advanced:
            group.moves.append((after, change))
        if change.advanced or after != known:
            group.keep(after)
        if known is not None and known.job.state is JobState.QUEUED and change.advanced:
            group.settled.append(seq)
        # The first answer since is kept although it tells nothing new: it shows that Kling, asked by us, knew the job.
        is_first_answer = news.polled_at is not None and known is not None and not known.following.polls
        # What came with one of very many unsigned callbacks, of which no more are kept, leaves no row either.
        is_evident = callback is not None or news.callback is None
        if change.advanced or (is_evident and (effect is not Effect.UNCHANGED or callback or is_first_answer)):
            self._keep_report(group, report, seq, callback, effect)
        return effect, change.job

    @staticmethod
    def _find(group: Group, news: News, report: Report) -> StoredJob | None:
        """Find the job: by Kling's id, else the one that we named or gave this external id and that has no task yet."""
        if report.task_id is not None and (known := group.by_task.get(report.task_id)) is not None:
            return known if news.job_id in (None, known.job.id) else None
        named = news.job_id
        if named is None and report.external_id is not None:
            named = group.unanswered.get(report.external_id)
        ours = group.by_id.get(named) if named is not None else None
        if ours is None or report.external_id not in (None, ours.job.external_id):
            return None
        if ours.job.task_id is None and news.callback is not None and report.external_id != ours.job.external_id:
            # It came with the capability of a job that has no task yet, and must not give it another job's task.
            return None
        # A job keeps the task that it got first: a report about another task is none of its business.
        return ours if report.task_id is None or ours.job.task_id is None else None

    def _perhaps(self, group: Group, news: News, now: datetime) -> Job | None:
        """Return the job that news is perhaps about, as it has no task yet; Kling is asked once there is one."""
        named = group.by_id.get(news.job_id) if news.job_id is not None else None
        is_of_another = news.report is not None and news.report.task_id in group.by_task
        if named is None or named.job.task_id is not None or is_of_another:
            return None
        group.keep(replace(named, following=named.following.prompted_at(now, named.job, now)))
        return named.job

    def _hint(self, group: Group, news: News, now: datetime) -> tuple[Effect, Job | None]:
        """Have Kling asked: soon about a job that is named with weight, else about the task when there is time."""
        named = group.by_id.get(news.job_id) if news.job_id is not None else None
        # The job of a capability may be gone: a restored backup never knew it. Then anybody could name its task.
        weight = HintWeight.NONE if named is None and news.job_id is not None else news.hint
        if named is None and news.hinted_task_id is not None:
            named = group.by_task.get(news.hinted_task_id)
        if named is not None and named.job.state.is_terminal:
            return Effect.UNCHANGED, named.job if weight is news.hint else None
        if named is not None and weight is HintWeight.JOB:
            due = self._hint_backoff.due(named.job.id, now)
            group.keep(replace(named, following=named.following.prompted_at(due, named.job, now)))
            return Effect.HINTED, named.job
        if news.hinted_task_id is None:
            return Effect.IGNORED, None
        is_signed = int(weight is HintWeight.JOB)
        seq = self._sequences.next("hints")
        group.hints.append((seq, self._account, news.hinted_task_id, to_millis(now), is_signed))
        return Effect.HINTED, named.job if named is not None and weight is news.hint else None

    def _keep_report(self, group: Group, report: Report, job: int, callback: int | None, effect: Effect) -> None:
        group.reports.append((
            self._sequences.next("reports"), job, callback, str(report.source),
            str(report.state) if report.state else None, str(effect), optional(to_millis, report.updated_at),
            to_millis(report.received_at),
        ))  # fmt: skip

    def _emit(self, group: Group, now: datetime) -> Iterator[tuple[JobEvent, ...]]:
        """Make the events of each move; those whose job has changed since within this group keep a copy of it."""
        millis = to_millis(now)
        emitted = []
        for stored, change in group.moves:
            job = change.job
            events = events_of(change, now)
            snapshot = None if group.by_id[job.id].job is job else to_snapshot(to_row(stored))
            state = str(job.state)
            previous = str(change.previous_state) if change.previous_state else None
            for event in events:
                seq = self._sequences.next("events")
                row = (seq, event.id, stored.seq, str(event.type), state, previous, millis, snapshot)
                group.events.append(row)
                group.happened.append((seq, stored.seq, event))
            emitted.append(events)
        return iter(emitted)

    def _write(self, db: sqlite3.Connection, group: Group, now: datetime) -> int:
        """Write the group's rows and return how many hints gave way."""
        if group.altered:
            # Before the jobs are saved: it copies what their rows still say.
            db.execute(self._sql["keep_snapshots"], (to_json_text(list(group.altered)),))
        self._save_jobs.run(db, [to_row(stored) for stored in group.changed.values()])
        # Before the reports: those of a callback that came before find no row of their number, and are not saved.
        self._evidence.write(db)
        self._save_reports.run(db, group.reports)
        self._save_events.run(db, group.events)
        if group.settled:
            db.execute(self._sql["settle_submissions"], (to_json_text(group.settled),))
        self._fanout.deliver(db, now, group.happened)
        for seq, _, event in group.happened:
            self._cache.put(seq, event)
        return self._hints.keep(db, group.hints) if group.hints else 0


def _effect(before: Job, change: Change) -> Effect:
    if change.contradicted:
        return Effect.CONTRADICTED
    if change.advanced:
        return Effect.ADVANCED
    return Effect.UNCHANGED if change.job == before else Effect.MERGED
