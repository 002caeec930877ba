"""Runs the daemon's loops for as long as a context lasts, and lets each finish what it does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Loop(Protocol):
    """What goes round until it is told to stop."""

    async def run(self) -> None:
        """Go round; return soon after `stop`."""
        ...

    def stop(self) -> None:
        """Begin no other round."""
        ...


@asynccontextmanager
async def looping(loops: Mapping[str, Loop], limit: timedelta) -> AsyncIterator[None]:
    """Run the loops, by their names; one that breaks ends the context with its error.

    On exit each may finish its round within the limit; then it is cut off.
    """
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(loop.run(), name=name) for name, loop in loops.items()]
        try:
            yield
        finally:
            for loop in loops.values():
                loop.stop()
            if running:
                _, late = await asyncio.wait(running, timeout=limit.total_seconds())
                for task in late:
                    log.warning("cut off", task=task.get_name())
                    task.cancel()
