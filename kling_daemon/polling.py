"""When an open job is polled next: silence is noticed, and asking is never hurried."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kling_daemon.backoff import Backoff
from kling_daemon.reports import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How long callbacks are waited for, and how often Kling is asked instead."""

    fallback_after: timedelta = timedelta(minutes=5)
    """How long after the last news a job whose callbacks should come is left to them."""
    interval: timedelta = timedelta(seconds=15)
    """The pause before the first poll of a job without callbacks, and between the first polls of any job."""
    max_interval: timedelta = timedelta(minutes=5)
    """What the pause grows to."""

    def next_poll(
        self, *, source: Source | None, callback_expected: bool, polls: int, now: datetime, jitter: float
    ) -> datetime:
        """Return when to ask about a job that is still open.

        source: what brought the last news; None when a poll brought none.
        polls: how many polls have been made since the last callback or submission.
        jitter: a number from 0 to 1, drawn by the caller; it spreads the polls of jobs made together.
        """
        if callback_expected and source in (Source.CALLBACK, Source.SUBMISSION):
            return now + self.fallback_after * (1 + jitter / 10)
        pause = Backoff(least=self.interval, longest=self.max_interval).pause(polls)
        return now + pause * (0.75 + jitter / 4)
