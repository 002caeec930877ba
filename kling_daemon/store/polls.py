"""Notes polls that brought no news."""

import sqlite3
from collections.abc import Sequence
from random import Random

from kling_daemon.clock import Clock, optional, to_millis
from kling_daemon.polling import PollPolicy
from kling_daemon.store.hint_backoff import HintBackoff
from kling_daemon.store.rows import StoredJob
from kling_daemon.store.statements import Statements


class PollDesk:
    """The operations of the poller that are not reports."""

    def __init__(self, *, clock: Clock, policy: PollPolicy, random: Random, hint_backoff: HintBackoff) -> None:
        """Take the rules by which the next poll is set."""
        self._clock = clock
        self._policy = policy
        self._random = random
        self._hint_backoff = hint_backoff
        self._sql = Statements("polls")

    def unanswered(self, db: sqlite3.Connection, units: Sequence[StoredJob]) -> list[None]:
        """Set when jobs that Kling did not know are asked for again; one that was prompted meanwhile stays due."""
        now = self._clock.now()
        for stored in units:
            following, jitter = stored.following, self._random.random()
            if following.prompted:
                self._hint_backoff.answered(stored.job.id, now)
            asked = optional(to_millis, following.poll_at)
            if stored.job.state.is_terminal:
                # It was asked for because of a contradiction; Kling may have forgotten by now what has ended.
                db.execute(self._sql["unanswered"], (None, stored.job.id, asked))
                continue
            poll_at = self._policy.overdue_poll(stored.job, now, jitter) or self._policy.next_poll(
                source=None,
                callback_expected=following.callback_expected,
                polls=following.polls + 1,
                now=now,
                jitter=jitter,
            )
            db.execute(self._sql["unanswered"], (to_millis(poll_at), stored.job.id, asked))
        return [None] * len(units)
