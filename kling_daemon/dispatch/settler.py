"""Writes down what came of attempts, and tells whom it concerns."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from kling_daemon.backoff import Backoff
from kling_daemon.clock import Clock
from kling_daemon.contexts import Log
from kling_daemon.deliveries import Delivery, DeliveryState, Outcome, Settlement, settle
from kling_daemon.dispatch.attempt_log import AttemptLog
from kling_daemon.dispatch.wording import describe
from kling_daemon.events import Notice, NoticeKind, notice
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.store import Store, StoreUnavailableError
from kling_daemon.tracking import NoticeBoard

Observe = Callable[[str, str, float], None]
"""Told of each attempt: the handler, the outcome's word, and how many seconds it took."""

_TRIES = 5
"""How often an outcome is tried to be settled that the store refuses for another reason than its own trouble."""

STUMBLING = Backoff(least=timedelta(milliseconds=100), longest=timedelta(seconds=30))
"""How long to wait before the store is asked again after it failed."""


class Settler:
    """Settles the attempts of one handler."""

    def __init__(
        self,
        handler: ConfiguredHandler,
        *,
        store: Store,
        clock: Clock,
        board: NoticeBoard,
        log: Log,
        random: Callable[[], float],
        observe: Observe,
        on_closed: Callable[[], None],
        on_suspect_ended: Callable[[], None],
        stopping: asyncio.Event,
    ) -> None:
        """Take whom to tell.

        on_closed: called when a delivery was closed, for those that depend on it. on_suspect_ended: called when an
        attempt at a suspect was settled, whatever came of it, for the suspects that wait for their turn.
        """
        self._handler = handler
        self._store = store
        self._clock = clock
        self._board = board
        self._log = log
        self._random = random
        self._observe = observe
        self._on_closed = on_closed
        self._on_suspect_ended = on_suspect_ended
        self._stopping = stopping

    async def settle(self, delivery: Delivery, outcome: Outcome, *, started_at: datetime, took: float) -> None:
        """Commit what follows from an attempt's outcome.

        Tried again while the store fails, until the daemon stops: then the lease stays behind and the next start
        voids it, so that the handler is called again rather than never.
        """
        settlement = settle(
            outcome,
            attempt=delivery.attempt,
            created_at=delivery.created_at,
            policy=self._handler.policy,
            now=self._clock.now(),
            jitter=self._random(),
        )
        word = type(outcome).__name__.lower()
        self._observe(self._handler.name, word, took)
        death = self._death(delivery, settlement)
        if await self._commit(delivery, settlement, word, started_at, death):
            self._tell(delivery, settlement, word, death)
            if delivery.is_suspect:
                self._on_suspect_ended()

    def _death(self, delivery: Delivery, settlement: Settlement) -> Notice | None:
        # A notice about a notice that cannot be delivered would itself have to be delivered.
        if settlement.state is not DeliveryState.DEAD or isinstance(delivery.item, Notice):
            return None
        message = (
            f"The handler {self._handler.name} did not get {delivery.item.type} of job {delivery.item.job_id}: "
            f"{settlement.error}. Retry it with `kling-daemon deliveries retry {delivery.id}`."
        )
        return notice(NoticeKind.DELIVERY_DEAD, str(delivery.id), message, self._clock.now())

    async def _commit(
        self, delivery: Delivery, settlement: Settlement, word: str, started_at: datetime, death: Notice | None
    ) -> bool:
        tries = 0
        while True:
            try:
                ours = await self._store.settle(delivery, settlement, outcome=word, started_at=started_at, notice=death)
            except Exception as error:  # whatever the store's trouble, the outcome must not be lost
                tries += 1
                if not isinstance(error, StoreUnavailableError) and tries == _TRIES:
                    raise  # what cannot be written is no trouble that passes
                log = AttemptLog(self._log, delivery)
                log.warning("attempt not settled", outcome=word, tries=tries, error=describe(error))
                if self._stopping.is_set():
                    return False
                await asyncio.sleep(STUMBLING.pause(tries, self._random()).total_seconds())
            else:
                if not ours:
                    AttemptLog(self._log, delivery).warning("lease lost", outcome=word)
                return ours

    def _tell(self, delivery: Delivery, settlement: Settlement, word: str, death: Notice | None) -> None:
        match settlement.state:
            case DeliveryState.DONE:
                self._on_closed()
            case DeliveryState.DEAD:
                self._on_closed()
                AttemptLog(self._log, delivery).error("delivery dead", outcome=word, error=settlement.error)
                if death is not None:
                    self._board.tell(death)
            case _ if word == "failed":
                AttemptLog(self._log, delivery).warning(
                    "attempt failed", error=settlement.error, due_at=settlement.due_at.isoformat()
                )
            case _:
                pass
