"""A daemon without receiver and Kling: real store, bus and dispatcher, and jobs that happen when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from fakes.reports import make_report
from fakes.stored_news import record_all

from kling_daemon.bus import Bus
from kling_daemon.contexts import DeliveryContext, HandlerContext
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.dispatch import Dispatcher
from kling_daemon.events import Item
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.jobs import JobState
from kling_daemon.store import DeliveryRow, News, Store
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import NoticeBoard

PATIENCE = 20.0
"""How many real seconds a fact may take to come true before a test fails."""


class NoHttp:
    """A client for handlers that send nothing."""

    def request(self, method: str, url: str, **_: Any) -> Any:
        raise AssertionError(f"unexpected request: {method} {url}")


async def no_submit(endpoint: str, _body: Mapping[str, Any], **_: Any) -> str:
    raise AssertionError(f"unexpected submission: {endpoint}")


async def until(fact: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until a fact is true, looking again and again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = fact()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.005)


@dataclass
class Witness:
    """A handler that remembers what it was given, and does what its behaviour says."""

    behave: Callable[[Item, DeliveryContext], Awaitable[Mapping[str, Any] | None]] | None = None
    seen: list[Item] = field(default_factory=list)
    contexts: list[DeliveryContext] = field(default_factory=list)
    open_now: bool = False

    @asynccontextmanager
    async def open(self, _context: HandlerContext) -> AsyncIterator[Any]:
        self.open_now = True
        try:
            yield self
        finally:
            self.open_now = False

    async def __call__(self, item: Item, context: DeliveryContext) -> Mapping[str, Any] | None:
        self.seen.append(item)
        self.contexts.append(context)
        return await self.behave(item, context) if self.behave else None

    def types_of(self, number: int) -> list[str]:
        """What it was given of one job, in order."""
        return [item.type.value for item in self.seen if item.job.task_id == f"t{number}"]


def configured(name: str, open_: Any, **changes: Any) -> ConfiguredHandler:
    """Return a handler with the settings of a test."""
    settings: dict[str, Any] = {
        "plugin": "test",
        "events": frozenset({"job.status_changed", "job.completed", "job.failed"}),
        "depends_on": (),
        "policy": RetryPolicy(),
        "timeout": timedelta(seconds=30),
        "concurrency": 8,
        "rate": None,
    }
    return ConfiguredHandler(name=name, open=open_, **{**settings, **changes})


COMPLETED = frozenset({"job.completed"})


@dataclass
class World:
    """What a test has at hand."""

    store: Store
    bus: Bus
    clock: ManualClock
    directory: Path
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    def dispatcher(self, handlers: Sequence[ConfiguredHandler], **settings: Any) -> Dispatcher:
        defaults: dict[str, Any] = {
            "clock": self.clock,
            "board": NoticeBoard(self.store, self.bus, self.clock),
            "data_dir": self.directory / "handlers",
            "http": NoHttp(),
            "submit_for": lambda _delivery: no_submit,
            "stop_timeout": timedelta(seconds=10),
            "observe": lambda handler, outcome, _seconds: self.outcomes.append((handler, outcome)),
            "random": lambda: 0.5,
        }
        return Dispatcher(self.store, self.bus, handlers, **{**defaults, **settings})

    async def report(self, *numbers: int, state: JobState = JobState.SUCCEEDED) -> None:
        """Let Kling report a state of jobs, known by their numbers or not."""
        now = self.clock.now()
        news = [News(adopt=True, report=make_report(f"t{number}", state, received_at=now)) for number in numbers]
        recorded = await record_all(self.store, news)
        self.bus.publish([event for one in recorded for event in one.events])

    async def deliveries(self, handler: str) -> list[DeliveryRow]:
        return (await self.store.read.deliveries(limit=10_000, handler=handler))[::-1]

    async def states(self, handler: str) -> list[str]:
        return [row.state.value for row in await self.deliveries(handler)]

    async def until_states(self, handler: str, *states: str) -> None:
        """Wait until a handler's deliveries stand so, the oldest first."""

        async def fact() -> bool:
            return await self.states(handler) == list(states)

        await until(fact)

    async def until_ended(self, handler: str, outcome: str, count: int) -> None:
        """Wait until so many attempts of a handler had an outcome and what follows from them is stored."""
        await until(lambda: self.outcomes.count((handler, outcome)) == count)

        async def settled() -> bool:
            return "running" not in await self.states(handler)

        await until(settled)

    async def until_done(self, handler: str, count: int) -> None:
        await self.until_states(handler, *["done"] * count)

    def let_pass(self, dispatcher: Dispatcher, by: timedelta) -> None:
        """Let time pass, and the lanes notice it at once rather than when they next look."""
        self.clock.advance(by)
        for status in dispatcher.status():
            dispatcher.wake(status.name)


@asynccontextmanager
async def world(
    directory: Path,
    *,
    bus: Bus | None = None,
    clock: ManualClock | None = None,
    on_commit: Callable[[int, float], None] = lambda _units, _seconds: None,
) -> AsyncIterator[World]:
    """Open a store in a directory; the same directory again is the daemon started again."""
    clock = clock or ManualClock()
    async with Store.open(directory, clock=clock, on_commit=on_commit) as store:
        yield World(store=store, bus=bus or Bus(), clock=clock, directory=directory)


def raising(*errors: BaseException) -> Callable[[Item, DeliveryContext], Awaitable[None]]:
    """Return a behaviour that raises one error after the other, and then succeeds."""
    left = list(errors)

    async def behave(_item: Item, _context: DeliveryContext) -> None:
        if left:
            raise left.pop(0)

    return behave


async def hanging(_item: Item, _context: DeliveryContext) -> None:
    await asyncio.get_running_loop().create_future()
