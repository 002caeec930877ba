"""Looks every minute at how well callbacks come, and has those kinds of jobs polled earlier whose do not."""

from datetime import timedelta

import structlog

from kling_daemon.clock import Clock
from kling_daemon.polling import PollPolicy
from kling_daemon.punctuality import JobKind, Punctuality
from kling_daemon.store import Store

LOOK = timedelta(minutes=1)
"""How often callbacks are judged."""

log = structlog.get_logger(__name__)


class PunctualityWatch:
    """Sets `PollPolicy.hastened`. It keeps nothing: a start looks at what the store remembers."""

    def __init__(self, store: Store, clock: Clock, policy: PollPolicy, hastened: dict[JobKind, timedelta]) -> None:
        """Take what to look at, and the patience with unreliable callbacks that the policy reads."""
        self._store = store
        self._clock = clock
        self._policy = policy
        self._hastened = hastened

    async def look(self) -> None:
        """Judge the latest callbacks of each kind of job, and set how long its jobs are left to them."""
        longest, least = self._policy.fallback_after, self._policy.interval
        latest = await self._store.read.punctuality(self._clock.now())
        judged = {of_kind.kind: of_kind for of_kind in latest}
        for kind, punctuality in judged.items():
            patience = punctuality.patience(longest=longest, least=least)
            before = self._policy.patience(kind)
            if patience < longest:
                self._hastened[kind] = patience
            else:
                self._hastened.pop(kind, None)
            if _differ(before, patience):
                _tell(punctuality, before, patience)
        for kind in self._hastened.keys() - judged.keys():
            del self._hastened[kind]


def _differ(before: timedelta, after: timedelta) -> bool:
    """Whether a change is worth a line: not each job's end that moves the figure a little."""
    return before != after and not before / 1.5 < after < before * 1.5


def _tell(punctuality: Punctuality, before: timedelta, after: timedelta) -> None:
    say, event = log.warning, "callbacks are unreliable: polling starts earlier"
    if after > before:
        say, event = log.info, "callbacks are more reliable again: polling starts later"
    say(
        event,
        endpoint=punctuality.kind.endpoint,
        generation=punctuality.kind.generation.value,
        model=punctuality.kind.model,
        jobs=punctuality.jobs,
        missed=punctuality.missed,
        late=punctuality.late,
        polled_after_seconds=round(after.total_seconds(), 1),
    )
