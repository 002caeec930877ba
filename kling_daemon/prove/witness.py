"""The plugin of the campaigns: handlers that write down what they are given, and some that misbehave on purpose.

It comes into a daemon as any plugin does, through an entry point; `witnesses` makes the distribution that has it.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from kling_daemon.plugin import (
    DeliveryContext,
    EventType,
    HandlerConfig,
    HandlerContext,
    HandlerType,
    JobEvent,
    hookimpl,
)

FOLLOWED = "-followed"
"""How the external id of a job ends whose completion has a submitting handler submit another one."""

LETHAL = "-lethal"
"""How the external id of a job ends whose completion has a lethal handler end the process."""

FOLLOW_UP = "/v1/videos/text2video"
"""Of the legacy API, since not every daemon under proof can use the other one."""
_FOR_EVER = 10**6


class Conduct(StrEnum):
    """How a handler behaves."""

    PROMPT = "prompt"
    """It takes as long as it was told and returns."""
    ERRATIC = "erratic"
    """Every third event fails at its first attempt."""
    SUBMITTING = "submitting"
    """It submits a follow-up job where a completed job asks for it."""
    LETHAL = "lethal"
    """One event ends the process each time, as a fault in foreign code does."""
    DEAF = "deaf"
    """It never returns, and ignores being cancelled."""
    BLOCKING = "blocking"
    """It never returns, and lets nothing else run on the event loop."""
    NEVER_OPEN = "never-open"
    """It hangs while it is being opened."""


class WitnessConfig(HandlerConfig):
    """How one instance behaves and where it writes."""

    record: Path
    takes: float = 0.0
    """Seconds."""
    conduct: Conduct = Conduct.PROMPT


class Witness:
    """An async handler."""

    def __init__(self, config: WitnessConfig) -> None:
        """Behave as configured."""
        self._config = config

    async def handle(self, event: JobEvent, context: DeliveryContext) -> None:
        """Write down that it was given an event, behave, and write down that it is through with it."""
        config = self._config
        write_down(config.record, "given", event, context)
        await asyncio.sleep(config.takes)
        follow_up = None
        match config.conduct:
            case Conduct.ERRATIC if context.attempt == 1 and int(event.id[:8], 16) % 3 == 0:
                raise ValueError("an erratic handler")
            case Conduct.SUBMITTING if event.type is EventType.COMPLETED and _ends_with(event, FOLLOWED):
                follow_up = await context.submit(FOLLOW_UP, {"prompt": "what comes after"}, key="next")
            case Conduct.LETHAL if event.type is EventType.COMPLETED and _ends_with(event, LETHAL):
                os.kill(os.getpid(), signal.SIGKILL)
            case Conduct.DEAF:
                await _ignore_everything()
            case Conduct.BLOCKING:
                time.sleep(_FOR_EVER)  # noqa: ASYNC251 - that is what it is for
            case _:
                pass
        write_down(config.record, "done", event, context, follow_up=follow_up)


class WitnessInThread:
    """A plain handler, which the daemon calls on a thread."""

    def __init__(self, config: WitnessConfig) -> None:
        """Behave as configured."""
        self._config = config

    def handle(self, event: JobEvent, context: DeliveryContext) -> None:
        """Write down that it was given an event, take its time, and write down that it is through with it."""
        write_down(self._config.record, "given", event, context)
        time.sleep(self._config.takes)
        write_down(self._config.record, "done", event, context)


@hookimpl
def kling_register_handlers() -> list[HandlerType]:
    """Offer the two types."""
    events = frozenset(str(event) for event in EventType)
    return [
        HandlerType(name="witness", config=WitnessConfig, open=_open, events=events),
        HandlerType(name="witness-in-thread", config=WitnessConfig, open=_open_in_thread, events=events),
    ]


def write_down(record: Path, phase: str, event: JobEvent, context: DeliveryContext, **more: Any) -> None:
    """Add a line in one write, so that `kill -9` leaves whole lines."""
    line = {
        "phase": phase,
        "event": event.id,
        "type": event.type,
        "job": event.job_id,
        "state": event.job.state,
        "attempt": context.attempt,
        **more,
    }
    descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


@asynccontextmanager
async def _open(config: WitnessConfig, _context: HandlerContext) -> AsyncGenerator[Witness]:
    if config.conduct is Conduct.NEVER_OPEN:
        await asyncio.sleep(_FOR_EVER)
    yield Witness(config)


@asynccontextmanager
async def _open_in_thread(config: WitnessConfig, _context: HandlerContext) -> AsyncGenerator[Any]:
    yield WitnessInThread(config)


def _ends_with(event: JobEvent, ending: str) -> bool:
    return (event.job.external_id or "").endswith(ending)


async def _ignore_everything() -> None:
    while True:
        try:
            await asyncio.sleep(_FOR_EVER)
        except asyncio.CancelledError:
            continue
