"""Keeps the creates on their way to Kling: the intent is on disk before Kling is asked."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kling_daemon.clock import Clock, to_millis
from kling_daemon.jobs import Job
from kling_daemon.store.news import Effect, News, Recorded
from kling_daemon.store.record import Recorder
from kling_daemon.store.rows import from_row
from kling_daemon.store.statements import Statements

LEASE = timedelta(minutes=10)


class SubmissionState(StrEnum):
    """Where a create stands."""

    QUEUED = "queued"
    """Kling certainly has no task of it: never sent, or refused for now."""
    SENDING = "sending"
    """It may be on the wire at this moment."""
    AMBIGUOUS = "ambiguous"
    """It was sent and no clear answer came. It is looked up before anything else; never simply sent again."""
    SETTLED = "settled"
    """Kling has taken or refused it, for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A job to be created, its body already in the spool."""

    job: Job
    path: str
    digest: str
    callback_expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A claimed create."""

    job: Job
    path: str
    digest: str
    was: SubmissionState
    """How it stood before this claim: queued or ambiguous."""
    tries: int
    """Claims so far, this one included."""
    callback_expected: bool
    """Whether Kling would call us back about its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponement:
    """What is decided about a claimed create that is not settled."""

    job_id: str
    state: SubmissionState
    due_at: datetime
    error: str


class SubmissionDesk:
    """The operations on submissions."""

    def __init__(self, *, owner: str, clock: Clock, recorder: Recorder) -> None:
        """Take the name under which leases are held, and what makes jobs."""
        self._owner = owner
        self._clock = clock
        self._recorder = recorder
        self._sql = Statements("submissions")

    def void_leases(self, db: sqlite3.Connection) -> None:
        """After a crash nobody knows whether what was on the wire has arrived: it must be looked up."""
        db.execute(self._sql["void_leases"], (to_millis(self._clock.now()),))

    def make(self, db: sqlite3.Connection, units: Sequence[Intent]) -> list[Recorded]:
        """Store jobs with their intents; one whose id is there already is returned as it stands."""
        return [self._make(db, intent) for intent in units]

    def _make(self, db: sqlite3.Connection, intent: Intent) -> Recorded:
        row = db.execute(self._sql["existing"], (intent.job.id,)).fetchone()
        if row is not None:
            return Recorded(effect=Effect.UNCHANGED, job=from_row(row).job, events=())
        now = self._clock.now()
        recorded = self._recorder.make(db, intent.job, callback_expected=intent.callback_expected, now=now)
        db.execute(self._sql["make"], (intent.path, intent.digest, to_millis(now), intent.job.id))
        return recorded

    def claim(self, db: sqlite3.Connection, units: Sequence[int]) -> list[list[Submission]]:
        """Take up to so many due creates; they are marked as on the wire before they are."""
        return [self._claim(db, limit) for limit in units]

    def _claim(self, db: sqlite3.Connection, limit: int) -> list[Submission]:
        now = self._clock.now()
        rows = db.execute(self._sql["due"], (to_millis(now), limit)).fetchall()
        until = to_millis(now + LEASE)
        db.executemany(self._sql["claim"], [(self._owner, until, job) for job, *_ in rows])
        return [
            Submission(
                job=stored.job,
                path=path,
                digest=digest,
                was=SubmissionState(state),
                tries=tries + 1,
                callback_expected=stored.following.callback_expected,
            )
            for job, state, path, digest, tries in rows
            for stored in [from_row(db.execute(self._sql["job"], (job,)).fetchone())]
        ]

    def postpone(self, db: sqlite3.Connection, units: Sequence[Postponement]) -> list[bool]:
        """Give claimed creates back, to be tried or looked up later; False where the claim was no longer ours."""
        return [
            db.execute(
                self._sql["postpone"],
                (unit.state.value, to_millis(unit.due_at), unit.error, unit.job_id, self._owner),
            ).rowcount
            == 1
            for unit in units
        ]

    def cancel(self, db: sqlite3.Connection, units: Sequence[News]) -> list[Recorded | None]:
        """Record the ends of jobs whose create certainly never reached Kling; None, and nothing, for any other.

        In the one transaction with the look at how the create stands: a claim comes before it or finds nothing.
        """
        return [self._recorder(db, [news])[0] if self._is_unsent(db, news.job_id) else None for news in units]

    def _is_unsent(self, db: sqlite3.Connection, job_id: str | None) -> bool:
        return db.execute(self._sql["is_unsent"], (job_id,)).fetchone() is not None
