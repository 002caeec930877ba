"""When an open job is polled next: silence is noticed, and asking is never hurried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kling_daemon.backoff import Backoff
from kling_daemon.fast_init import fast_init
from kling_daemon.jobs import Job
from kling_daemon.punctuality import JobKind
from kling_daemon.reports import Source

RESULTS_LAST = timedelta(days=30)
"""How long Kling keeps results: for so long an overdue job is worth being asked for often."""
_HOURLY, _DAILY = timedelta(hours=1), timedelta(days=1)


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How a job is followed: what brings news of it, and when Kling is asked."""

    callback_expected: bool
    """Kling was given our callback URL for it, or has used it."""
    prompted: bool = False
    """A hint asked for the next poll, so that what it finds was not missed."""
    polls: int = 0
    """Polls since the last callback or submission."""
    poll_at: datetime | None = None
    """When to ask Kling; None while there is nothing to ask."""

    @property
    def is_left_to_callbacks(self) -> bool:
        """Whether news should come by callback, so that a poll finds only what was missed."""
        return self.callback_expected and not self.prompted

    def prompted_at(self, due: datetime, job: Job, now: datetime) -> "Following":
        """Return how the job is followed after a hint about it; what Kling has no task for yet is not asked about.

        due: when Kling is to be asked because of it. A poll that is due before that will do; one that is due already
        will not, since Kling may be being asked at this moment.
        """
        if job.task_id is None:
            return replace(self, prompted=True, poll_at=None)
        will_do = self.poll_at is not None and now < self.poll_at < due
        return replace(self, prompted=True, poll_at=self.poll_at if will_do else due)


def open_since(job: Job) -> datetime:
    """Return since when an end can be expected: since Kling took the job, or since it waits to be sent."""
    # A job of ours was not taken before it was made, whatever Kling's clock says.
    return job.created_at if job.submitted_at is None else max(job.submitted_at, job.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How long callbacks are waited for, and how often Kling is asked instead."""

    fallback_after: timedelta = timedelta(minutes=5)
    """How long after the last news a job whose callbacks should come is left to them."""
    interval: timedelta = timedelta(seconds=15)
    """The pause before the first poll of a job without callbacks, and between the first polls of any job."""
    max_interval: timedelta = timedelta(minutes=5)
    """What the pause grows to."""
    overdue_after: timedelta = timedelta(hours=72)
    """How long a job may be open before it is overdue; that alone never ends it."""
    hastened: Mapping[JobKind, timedelta] = field(default_factory=dict)
    """How long callbacks are left to where they have proved unreliable; it changes as they do."""

    def patience(self, kind: JobKind) -> timedelta:
        """Return how long after the last news a job of this kind, whose callbacks should come, is left to them."""
        return self.hastened.get(kind, self.fallback_after)

    def is_overdue(self, job: Job, now: datetime) -> bool:
        """Return whether a job has been open for too long: since Kling took it, or since it waits to be sent."""
        return not job.state.is_terminal and now - open_since(job) >= self.overdue_after

    def overdue_poll(self, job: Job, now: datetime, jitter: float) -> datetime | None:
        """Return when to ask about an overdue job: every hour until its results would be gone, then every day.

        None for a job that is not overdue.
        """
        late = now - open_since(job) - self.overdue_after
        if late < timedelta(0):
            return None
        return now + (_HOURLY if late < RESULTS_LAST else _DAILY) * (0.75 + jitter / 4)

    def next_poll(
        self,
        *,
        source: Source | None,
        callback_expected: bool,
        polls: int,
        now: datetime,
        jitter: float,
        patience: timedelta | None = None,
    ) -> datetime:
        """Return when to ask about a job that is still open.

        source: what brought the last news; None when a poll brought none.
        polls: how many polls have been made since the last callback or submission.
        jitter: a number from 0 to 1, drawn by the caller; it spreads the polls of jobs made together.
        patience: how long its callbacks are waited for; `fallback_after` unless said.
        """
        if callback_expected and source in (Source.CALLBACK, Source.SUBMISSION):
            return now + (patience or self.fallback_after) * (1 + jitter / 10)
        pause = Backoff(least=self.interval, longest=self.max_interval).pause(polls)
        return now + pause * (0.75 + jitter / 4)

    def after_news(
        self,
        before: Following | None,
        job: Job,
        *,
        source: Source,
        polled_at: datetime | None,
        now: datetime,
        random: Callable[[], float],
    ) -> Following:
        """Return how a job is followed now that there is news of it.

        before: how it was; None for a job that was not known. job: as it is now. polled_at: when Kling was asked,
        because the job was due or for a list; None for any other news. random: gives the jitter of the next poll,
        where there is one.
        """
        prompted, polls, by = False, 0, source
        if before is not None and before.prompted:
            # A prompt that came after Kling was asked is not answered by this.
            prompted = polled_at is None or before.poll_at is None or before.poll_at > polled_at
        if polled_at is not None and (before is None or not before.prompted):
            polls = before.polls + 1 if before is not None else 1
        elif source is Source.POLL:
            # Something came, if only a hint that Kling was then asked about: what follows is left to callbacks.
            by = Source.CALLBACK
        # A task that we came upon on a list has called nobody that we know of.
        expected = source is Source.CALLBACK or (polled_at is None if before is None else before.callback_expected)
        if job.state.is_terminal or job.task_id is None:
            return Following(callback_expected=expected, polls=polls)
        if prompted:
            # Not before the prompt would have it: it may be one of very many.
            due = before.poll_at if before is not None and before.poll_at is not None else now
            return Following(callback_expected=expected, prompted=True, polls=polls, poll_at=max(now, due))
        jitter = random()
        poll_at = self.overdue_poll(job, now, jitter)
        if poll_at is None:
            patience = self.patience(JobKind.of(job)) if self.hastened else None
            poll_at = self.next_poll(
                source=by, callback_expected=expected, polls=polls, now=now, jitter=jitter, patience=patience
            )
        return Following(callback_expected=expected, polls=polls, poll_at=poll_at)
