"""Asks Kling about task ids that somebody named: signed ones soon, and those that anybody can send at a slow pace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import sample

import structlog

from kling_daemon.clock import Clock
from kling_daemon.kling.client import MAX_IDS, KlingClient
from kling_daemon.kling.errors import KlingError
from kling_daemon.poller.troubles import first_trouble, may_be_one_job
from kling_daemon.store import Hint, News, Store
from kling_daemon.tracking import KlingHealth, Tracker

log = structlog.get_logger(__name__)

_SIGNED_PAUSE = 1.0
"""Seconds between requests about signed ones: whoever catches one can send it again for some minutes."""
_TRIES = 3
"""After so many failures of its own, while Kling answers about another, a hint is given up."""
_MOST_FAILED = 1000


@dataclass(slots=True)
class _Line:
    """The hints of one weight, and how they are asked about."""

    is_signed: bool
    pause: float
    """Seconds between two requests."""
    next_at: float
    size: int = MAX_IDS
    """How many at a time: fewer after a failure, for which one of them may be the reason."""


class HintFollower:
    """Follows hints, many with each query; what Kling knows is recorded, and adopted where it may be.

    Hints are forgotten once Kling was there to be asked, whatever it said: who sends them must not be able to have it
    asked for ever. One that makes Kling fail is found out and given up, and keeps nobody else from being asked about.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        client: KlingClient,
        health: KlingHealth,
        clock: Clock,
        adopt: bool,
        queries_per_minute: float,
    ) -> None:
        """Take whom to ask, whom to tell, and how often hints without weight may cost a request."""
        self._store = store
        self._tracker = tracker
        self._client = client
        self._health = health
        self._clock = clock
        self._adopt = adopt
        # By the clock that never jumps: a wall clock that is set back must not silence hints for so long.
        now = clock.monotonic()
        signed = _Line(is_signed=True, pause=_SIGNED_PAUSE, next_at=now)
        self._weightless = _Line(is_signed=False, pause=60 / queries_per_minute, next_at=now)
        self._lines = (signed, self._weightless)
        self._control: str | None = None
        """A task that Kling has answered about."""
        self._failed: dict[str, int] = {}
        """How often a hint has failed for itself."""
        self._aside = set[str]()
        """Those of them that wait until others have been asked about."""

    def ask(self, per_minute: float) -> None:
        """Ask about hints without weight at most so often, from the next query on."""
        self._weightless.pause = 60 / per_minute

    async def step(self) -> KlingError | None:
        """Ask about one batch of each kind whose time has come; return why Kling cannot be asked, if so."""
        for line in self._lines:
            if self._clock.monotonic() >= line.next_at and (trouble := await self._follow(line)) is not None:
                return trouble
        return None

    async def pause(self) -> timedelta | None:
        """Return how long the next query has to wait; None while there is no hint to follow."""
        # Before it is looked: one that comes meanwhile must ring.
        self._tracker.is_told_of_hints = True
        soonest = None
        for line in self._lines:
            if await self._store.due.hints(1, signed=line.is_signed):
                pause = max(line.next_at - self._clock.monotonic(), 0)
                soonest = pause if soonest is None else min(pause, soonest)
                # It is known by now when to ask about these: more of them, and be it a flood, need wake nobody.
                self._tracker.is_told_of_hints = line.is_signed
        return None if soonest is None else timedelta(seconds=soonest)

    async def _follow(self, line: _Line) -> KlingError | None:
        waiting = await self._store.due.hints(MAX_IDS + len(self._aside), signed=line.is_signed)
        if not waiting:
            return None
        line.next_at = self._clock.monotonic() + line.pause
        fit = ([hint for hint in waiting if hint.task_id not in self._aside] or waiting)[:MAX_IDS]
        hinted = fit if len(fit) <= line.size else sample(fit, line.size)
        answers = await self._client.query([hint.task_id for hint in hinted])
        # Where more than one place had to be asked, the next hints wait for as many turns.
        line.next_at += line.pause * max(answers.requests - 1, 0)
        await self._tracker.record_all([News(report=report, adopt=self._adopt) for report in answers.reports])
        trouble = first_trouble(answers.errors)
        if trouble is None:
            line.size = min(2 * line.size, MAX_IDS)
            self._control = hinted[0].task_id
            self._aside.clear()
            await self._drop(hinted)
            await self._health.answered()
            return None
        await self._drop([hint for hint in hinted if hint.task_id not in answers.unanswered_ids])
        if may_be_one_job(trouble):
            line.size = max(len(hinted) // 2, 1)
            if len(hinted) == 1 and await self._fails_for_itself(line, hinted[0]):
                line.size = MAX_IDS
                return None
        return trouble

    async def _fails_for_itself(self, line: _Line, hint: Hint) -> bool:
        """Return whether Kling answers about another task just now, so that what fails, fails because of this one.

        The other is one that it has answered about before. After a few such failures the hint is given up.
        """
        if self._control is None:
            return False
        line.next_at += line.pause
        answers = await self._client.query([self._control])
        if first_trouble(answers.errors) is not None:
            return False
        await self._health.answered()
        failures = self._failed.pop(hint.task_id, 0) + 1
        if failures == _TRIES:
            log.warning("kling cannot be asked about a hint; it is given up", task_id=hint.task_id)
            await self._drop([hint])
        else:
            if len(self._failed) == _MOST_FAILED:  # of hints that have given way meanwhile
                self._failed.clear()
            self._failed[hint.task_id] = failures
            self._aside.add(hint.task_id)
        return True

    async def _drop(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            self._failed.pop(hint.task_id, None)
            self._aside.discard(hint.task_id)
        if hints:
            await self._store.drop_hints(hints)
