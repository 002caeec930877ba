"""Gives every handler its events: one lane for each, none of which can delay or end another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import random as system_random

import structlog

from kling_daemon.backoff import Backoff
from kling_daemon.bus import Bus
from kling_daemon.clock import Clock
from kling_daemon.contexts import HandlerContext, Submit
from kling_daemon.deliveries import Delivery
from kling_daemon.dispatch.keeper import REOPENING, Keeper
from kling_daemon.dispatch.lane import IDLE, UNWILLING, Lane
from kling_daemon.dispatch.settler import Observe, Settler
from kling_daemon.dispatch.status import HandlerStatus
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.http_client import HttpClient
from kling_daemon.store import Registration, Store
from kling_daemon.tracking import NoticeBoard


def observe_nothing(_handler: str, _outcome: str, _seconds: float, /) -> None:
    """Take no notice of an attempt."""


class Dispatcher:
    """The lanes of all configured handlers, and when they start and stop."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        handlers: Sequence[ConfiguredHandler],
        *,
        clock: Clock,
        board: NoticeBoard,
        data_dir: Path,
        http: HttpClient,
        submit_for: Callable[[Delivery], Submit],
        stop_timeout: timedelta,
        observe: Observe = observe_nothing,
        random: Callable[[], float] = system_random,
        idle: timedelta = IDLE,
        reopening: Backoff = REOPENING,
    ) -> None:
        """Take the handlers, and what they are given.

        board: where the operator is told what is wrong with them. data_dir: each handler gets a private directory of
        its name below it. submit_for: makes what a handler submits follow-up jobs with. stop_timeout: how long attempts
        may go on once it is time to stop. observe: told of each attempt, for the metrics. random: from 0 to 1, spreads
        retries. idle: how long a lane rests when no bell rings.
        """
        self._store = store
        self._bus = bus
        self._handlers = tuple(handlers)
        self._clock = clock
        self._data_dir = data_dir
        self._http = http
        self._submit_for = submit_for
        self._stop_timeout = stop_timeout
        self._observe = observe
        self._random = random
        self._idle = idle
        self._reopening = reopening
        self._stopping = asyncio.Event()
        self._board = board
        self._lanes: dict[str, Lane] = {}
        self._keepers: dict[str, Keeper] = {}
        for handler in self._handlers:
            self._set_up(handler)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver for as long as the context lasts.

        On entry the handlers are registered with the store, so that every event from then on is delivered to them;
        they open in their own time. On exit nothing more is claimed, attempts finish within the time-out or are given
        back, and the handlers close in the reverse of their order. Only a handler that ignores being cancelled can
        keep the exit from returning; its delivery is given back all the same.
        """
        await self._store.register_handlers(
            [
                Registration(name=handler.name, events=handler.events, depends_on=handler.depends_on)
                for handler in self._handlers
            ]
        )
        async with asyncio.TaskGroup() as tasks:
            keepers = [
                (keeper, tasks.create_task(keeper.run(), name=f"keeper {name}"))
                for name, keeper in self._keepers.items()
            ]
            lanes = [
                tasks.create_task(lane.run(stop_timeout=self._stop_timeout), name=f"lane {name}")
                for name, lane in self._lanes.items()
            ]
            try:
                yield
            finally:
                await self._stop(lanes, keepers)

    def wake(self, handler: str) -> None:
        """Have a handler's lane look into the store at once; nothing happens for one that is not loaded."""
        if handler in self._lanes:
            self._lanes[handler].wake()

    def status(self) -> list[HandlerStatus]:
        """Return how each handler is doing, in the order of configuration."""
        return [
            HandlerStatus(
                name=handler.name,
                plugin=handler.plugin,
                events=tuple(sorted(handler.events)),
                depends_on=handler.depends_on,
                openness=self._keepers[handler.name].openness,
                reason=self._keepers[handler.name].reason,
                running=self._lanes[handler.name].running,
                concurrency=handler.concurrency,
            )
            for handler in self._handlers
        ]

    def _set_up(self, handler: ConfiguredHandler) -> None:
        name = handler.name
        log = structlog.get_logger(f"kling_daemon.handlers.{name}").bind(handler=name)
        context = HandlerContext(name=name, log=log, data_dir=self._data_dir / name, http=self._http)
        dependents = [other.name for other in self._handlers if name in other.depends_on]
        keeper = Keeper(
            handler,
            context,
            board=self._board,
            on_open=partial(self.wake, name),
            random=self._random,
            reopening=self._reopening,
        )
        settler = Settler(
            handler,
            store=self._store,
            clock=self._clock,
            board=self._board,
            log=log,
            random=self._random,
            observe=self._observe,
            on_closed=partial(self._wake_all, dependents),
            on_suspect_ended=partial(self._wake_after, name),
            stopping=self._stopping,
        )
        self._keepers[name] = keeper
        self._lanes[name] = Lane(
            handler,
            context,
            store=self._store,
            bus=self._bus,
            clock=self._clock,
            keeper=keeper,
            settler=settler,
            submit_for=self._submit_for,
            random=self._random,
            stopping=self._stopping,
            idle=self._idle,
        )

    def _wake_all(self, handlers: Sequence[str]) -> None:
        for name in handlers:
            self.wake(name)

    def _wake_after(self, handler: str) -> None:
        """Wake the lanes, beginning with the one that follows: the first to look is given the turn.

        So no lane whose suspects are due again and again can keep those of another from ever having theirs.
        """
        names = list(self._lanes)
        following = names.index(handler) + 1
        self._wake_all([*names[following:], *names[:following]])

    async def _stop(
        self, lanes: Sequence[asyncio.Task[None]], keepers: Sequence[tuple[Keeper, asyncio.Task[None]]]
    ) -> None:
        self._stopping.set()
        self._wake_all(list(self._lanes))
        if lanes:
            # Beyond its own limits a lane is late only if the store or a handler hangs; the others must close.
            late = self._stop_timeout + 2 * UNWILLING
            await asyncio.wait(lanes, timeout=late.total_seconds())
        for keeper, task in reversed(keepers):
            keeper.stop()
            await asyncio.wait([task], timeout=keeper.close_timeout.total_seconds() + 1)
