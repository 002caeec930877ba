"""What runs one handler's deliveries: starts an attempt at each one that it is given, or claims when the bell rings.

While it has places, the store claims for it in each transaction that makes deliveries for it. For itself it claims
those that fall due later, or found no place. The bell only hurries. What is due, in which order, and what has to wait
for another delivery is the store's to say; so a lost ring costs time, and a ring does not hurry a delivery that is
backing off.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.contexts import DeliveryContext, HandlerContext, Submit
from kling_daemon.deliveries import Delivery, Exhausted, Failed, Interrupted, Outcome
from kling_daemon.dispatch.attempt import Attempt
from kling_daemon.dispatch.attempt_log import AttemptLog
from kling_daemon.dispatch.journal import StoreJournal
from kling_daemon.dispatch.keeper import Keeper
from kling_daemon.dispatch.pace import Pace
from kling_daemon.dispatch.settler import STUMBLING, Settler
from kling_daemon.dispatch.wording import describe
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.store import StandingClaim, Store

IDLE = timedelta(seconds=5)
"""After how long a lane looks into the store although no bell rang: a ring may be lost, a wall clock may jump."""

LEASE_MARGIN = timedelta(minutes=1)
"""How much longer a lease lasts than the handler's time-out."""

UNWILLING = timedelta(seconds=2)
"""How long attempts that were cut off may take to end before their deliveries are given back over their heads.

Less where the whole stop may take little: a fifth of what attempts are given to finish, but never next to nothing.
"""
_LEAST_UNWILLING = timedelta(milliseconds=250)


class Lane:
    """One handler's place in the daemon; nothing that it does or that happens to it delays another lane."""

    def __init__(
        self,
        handler: ConfiguredHandler,
        context: HandlerContext,
        *,
        store: Store,
        bus: Bus,
        clock: Clock,
        keeper: Keeper,
        settler: Settler,
        submit_for: Callable[[Delivery], Submit],
        random: Callable[[], float],
        stopping: asyncio.Event,
        idle: timedelta = IDLE,
    ) -> None:
        """Take the handler with what is shared by all lanes; `stopping` is set when nothing more may be claimed."""
        self._handler = handler
        self._context = context
        self._store = store
        self._bus = bus
        self._clock = clock
        self._keeper = keeper
        self._settler = settler
        self._submit_for = submit_for
        self._random = random
        self._stopping = stopping
        self._idle = idle.total_seconds()
        self._lease = handler.timeout + LEASE_MARGIN
        self._timeout = handler.timeout.total_seconds()
        self._pace = Pace(handler.rate)
        self._bell = asyncio.Event()
        self._running: dict[int, Attempt] = {}
        self._claiming = False
        self._passed_over = False

    @property
    def running(self) -> int:
        """How many attempts are under way."""
        return len(self._running)

    def wake(self) -> None:
        """Ring the bell: something may be due."""
        self._bell.set()

    async def run(self, *, stop_timeout: timedelta) -> None:
        """Deliver until it is time to stop, then let attempts finish for so long and cut off the rest."""
        async with asyncio.TaskGroup() as tasks:
            with self.standing(tasks) as claim:
                try:
                    with self._bus.bell(self._handler.events, self._hear):
                        await self._deliver(tasks, claim)
                    await self._wind_up(claim, stop_timeout.total_seconds())
                finally:
                    # Only a cancellation leaves any: then, too, it is we who cut them off.
                    self._interrupt()

    @contextmanager
    def standing(self, tasks: asyncio.TaskGroup) -> Iterator[StandingClaim]:
        """Have deliveries begin among the tasks in the transaction that makes them, as long as the context lasts."""
        claim = StandingClaim(
            handler=self._handler.name,
            lease=self._lease,
            room=self._room,
            take=partial(self._take, tasks),
            withdraw=self.wake,  # what was promised took places that others could have had
            pass_over=self._pass_over,
        )
        with self._store.standing(claim):
            yield claim

    async def step(self, tasks: asyncio.TaskGroup, claim: StandingClaim) -> float:
        """Start what is due and has a place; return after how many seconds to look again unless the bell rings."""
        places = self._handler.concurrency - len(self._running) - claim.promised
        if self._keeper.invoke is None or places <= 0:
            return self._idle
        room = self._pace.room(places)
        if room == 0:
            return self._pace.pause
        self._claiming = True
        try:
            deliveries = await self._store.claim(self._handler.name, limit=room, lease=self._lease)
        finally:
            self._claiming = False
        for _ in deliveries:
            await self._pace.begin()
        self._begin(tasks, deliveries)
        if len(deliveries) == room:
            return 0
        due_at = await self._store.next_delivery_due(self._handler.name)
        if due_at is None:
            return self._idle
        return min(self._idle, max(0.0, (due_at - self._clock.now()).total_seconds()))

    def _hear(self) -> None:
        """Hear from the bus that there is something new: nothing to hurry for, unless it was not given to us."""
        if self._passed_over:
            self._passed_over = False
            self._bell.set()

    def _room(self) -> int:
        """Return how many deliveries may begin without being claimed: none where that would exceed any limit."""
        if self._claiming or self._keeper.invoke is None or self._handler.rate is not None or self._stopping.is_set():
            return 0
        # What is promised need not be taken off, as `step` must: nothing is, whenever the store asks.
        return self._handler.concurrency - len(self._running)

    def _pass_over(self) -> None:
        self._passed_over = True

    def _take(self, tasks: asyncio.TaskGroup, deliveries: Sequence[Delivery]) -> None:
        self._begin(tasks, deliveries)
        if self._stopping.is_set():
            self._bell.set()  # whoever waits for the end of what runs and of what was promised must look again

    def _begin(self, tasks: asyncio.TaskGroup, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            attempt = Attempt(delivery, timeout=self._timeout)
            self._running[delivery.id] = attempt
            if self._stopping.is_set():
                attempt.interrupt()
            tasks.create_task(self._try(attempt), name=f"{self._handler.name}: delivery {delivery.id}")

    async def _deliver(self, tasks: asyncio.TaskGroup, claim: StandingClaim) -> None:
        stumbles = 0
        while not self._stopping.is_set():
            # Before the step: cleared after it, a ring that came meanwhile would be lost.
            self._bell.clear()
            try:
                rest = await self.step(tasks, claim)
            except Exception as error:  # noqa: BLE001 - whatever the store's trouble, this lane goes on when it is over
                stumbles += 1
                self._context.log.warning("lane stumbled", tries=stumbles, error=describe(error))
                await self._recover(STUMBLING.pause(stumbles, self._random()))
            else:
                stumbles = 0
                await self._listen(rest)

    async def _listen(self, seconds: float) -> None:
        """Wait for the bell, but no longer than so many seconds."""
        if seconds > 0:
            alarm = asyncio.get_running_loop().call_later(seconds, self._bell.set)
            try:
                await self._bell.wait()
            finally:
                alarm.cancel()

    async def _recover(self, pause: timedelta) -> None:
        """Wait without an ear for the bell, which would ring on while the store fails."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await self._stopping.wait()

    async def _try(self, attempt: Attempt) -> None:
        """Make an attempt; a mistake of our own counts as a failure, and takes no other attempt along."""
        delivery = attempt.delivery
        log = AttemptLog(self._context.log, delivery)
        try:
            await self._attempt(attempt)
        except Exception as error:
            log.exception("attempt broke off", error=describe(error))
            self._running.pop(delivery.id, None)
            try:
                failed = Failed(error=describe(error))
                await self._settler.settle(delivery, failed, started_at=self._clock.now(), took=0)
            except Exception as again:  # its lease stays behind, and the next start voids it
                log.exception("attempt left unsettled", error=describe(again))
            self._bell.set()

    async def _attempt(self, attempt: Attempt) -> None:
        """Call the handler and settle what comes of it; its place is free as soon as the handler has returned."""
        delivery, clock = attempt.delivery, self._clock
        started_at, began = clock.now(), clock.monotonic()
        if delivery.attempt > self._handler.policy.max_attempts:
            outcome: Outcome = Exhausted()
        elif (invoke := self._keeper.invoke) is not None:
            outcome = await attempt.run(invoke, self._delivery_context(attempt))
        else:
            outcome = Interrupted()
        if self._running.pop(delivery.id, None) is None:
            return  # given back over its head
        if len(self._running) == self._handler.concurrency - 1:
            self._bell.set()
        await self._settler.settle(delivery, outcome, started_at=started_at, took=clock.monotonic() - began)
        # Later events of this job were held back by this delivery until now.
        self._bell.set()

    def _delivery_context(self, attempt: Attempt) -> DeliveryContext:
        delivery = attempt.delivery
        return DeliveryContext(
            name=self._handler.name,
            log=AttemptLog(self._context.log, delivery),
            data_dir=self._context.data_dir,
            http=self._context.http,
            submit=self._submit_for(delivery),
            attempt=delivery.attempt,
            idempotency_key=delivery.idempotency_key,
            results=delivery.results,
            heartbeat=attempt.heartbeat,
            journal=StoreJournal(self._store, delivery.id),
        )

    async def _wind_up(self, claim: StandingClaim, seconds: float) -> None:
        """Wait for what runs; cut it off when its time is over, and give back what does not even then end."""
        await self._until_none_runs(seconds, claim)
        if not self._running:
            return
        self._context.log.warning("attempts cut off", running=len(self._running))
        self._interrupt()
        unwilling = min(max(seconds / 5, _LEAST_UNWILLING.total_seconds()), UNWILLING.total_seconds())
        await self._until_none_runs(unwilling, claim)
        for attempt in list(self._running.values()):
            delivery = attempt.delivery
            del self._running[delivery.id]
            AttemptLog(self._context.log, delivery).error("handler ignores that it was cancelled")
            await self._settler.settle(delivery, Interrupted(), started_at=self._clock.now(), took=0)

    async def _until_none_runs(self, seconds: float, claim: StandingClaim) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (self._running or claim.promised) and loop.time() < end:
            self._bell.clear()
            await self._listen(end - loop.time())

    def _interrupt(self) -> None:
        for attempt in self._running.values():
            attempt.interrupt()
