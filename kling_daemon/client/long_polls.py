"""Waiting for a job's end: one long poll after the other, over restarts of the daemon."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from math import inf

from kling_daemon.client.errors import DaemonUnreachableError
from kling_daemon.client.models import JobModel

LONGEST_POLL = timedelta(seconds=60)
"""How long one request waits for a job's end; a longer wait is made of several."""
GRACE = timedelta(minutes=1)
"""How long a daemon that has answered before may be away: it may be restarting."""
PAUSE = timedelta(seconds=1)
"""Between two requests when the daemon is away, or stops, which it tells by an answer before the time."""


async def until_end(
    poll: Callable[[timedelta], Awaitable[JobModel]],
    patience: timedelta | None,
    *,
    grace: timedelta = GRACE,
    pause: timedelta = PAUSE,
) -> JobModel:
    """Return the job at its end, or as it was last seen when the patience is over; None waits for however long.

    poll: asks once, with how long the answer may be waited for. Raises what it raises; but DaemonUnreachableError only
    when it is the first thing that happens, or goes on for longer than the grace.
    """
    clock = asyncio.get_running_loop()
    deadline = inf if patience is None else clock.time() + patience.total_seconds()
    seen: JobModel | None = None
    lost_at: float | None = None
    while True:
        begun = clock.time()
        # Answered at once for the first time: whatever becomes of a poll then, the daemon and the job have been there.
        asked_for = 0 if seen is None else min(max(deadline - begun, 0), LONGEST_POLL.total_seconds())
        try:
            seen, lost_at = await poll(timedelta(seconds=asked_for)), None
        except DaemonUnreachableError:
            lost_at = begun if lost_at is None else lost_at
            if seen is None or clock.time() - lost_at >= grace.total_seconds():
                raise
        now = clock.time()
        if seen.has_ended or now >= deadline:
            return seen
        if lost_at is not None or now - begun < asked_for / 2:
            await asyncio.sleep(min(pause.total_seconds(), deadline - now))
