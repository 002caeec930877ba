"""Waiting until nothing is left to happen between Kling, the daemon and its handlers."""

import asyncio
from datetime import timedelta

from kling_daemon.client import Daemon, DaemonUnreachableError
from kling_daemon.deliveries import OPEN_STATES
from kling_daemon.jobs import JobState
from kling_daemon.prove.facts import until
from kling_daemon.prove.kling import SimulatedKling

_GLANCE = timedelta(milliseconds=100)


async def at_rest(client: Daemon, kling: SimulatedKling, within: timedelta, *, with_hints: bool = False) -> str | None:
    """Return None once everything has come to its end, else what is still open after so long.

    with_hints: hints may still wait.
    """
    left = "nothing was looked at"

    async def is_done() -> bool:
        nonlocal left
        left = await _left(client, kling, with_hints=with_hints)
        return not left

    try:
        async with asyncio.timeout(within.total_seconds()):
            await until(is_done, glance=_GLANCE)
    except TimeoutError:
        return f"not at rest after {within.total_seconds():g} s: {left}"
    except DaemonUnreachableError as error:
        return f"not at rest: {error}"
    return None


async def _left(client: Daemon, kling: SimulatedKling, *, with_hints: bool) -> str:
    """Return what is still open, in words; empty when nothing is."""
    # Kling first: once it has nothing to tell, only the daemon's own doings can bring something new. And always both:
    # a daemon that has died meanwhile would have Kling try its callbacks for long.
    numbers, stats = await kling.stats(), await client.stats()
    if not numbers["idle"]:
        return f"Kling has {numbers['unfinished']} unfinished tasks, or callbacks to send"
    jobs = sum(count for state, count in stats.jobs.items() if not JobState(state).is_terminal)
    deliveries = sum(counts.get(state, 0) for counts in stats.deliveries.values() for state in (*OPEN_STATES, "parked"))
    if jobs or deliveries or (stats.hints and not with_hints):
        return f"{jobs} jobs, {deliveries} deliveries and {stats.hints} hints are open"
    return ""
