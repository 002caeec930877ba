"""Ends listening so that nobody is refused, reset or left unanswered whom another process will serve in a moment.

Requests would be lost otherwise in three ways, each seen under load:

- asyncio drops, without a word, what was accepted in the turn of the loop in which a server is closed. So accepting
  ends first, and the server is closed later; whoever connects meanwhile waits in the socket for the next process.
- aiohttp marks connections as closed before it has read what they sent, and throws that away. So for a moment those
  are served that have come in already, and a body that has begun to come is waited for.
- A client that keeps its connection would send its next request into one that is being closed. So each answer tells
  it, in the header `Connection`, that there is no next one here.
"""

import asyncio
from datetime import timedelta

import structlog

from kling_daemon.listening.limiter import ConnectionLimiter
from kling_daemon.listening.runner import QuietRunner

log = structlog.get_logger(__name__)

LAME_DUCK = timedelta(milliseconds=250)
"""How long those are served yet who have come already, if another process goes on; a tenth of a second was enough in
twenty thousand requests."""

_LOOK = 0.01
_TURNS = 5
"""So many turns of the loop after it was accepted at the latest a connection is there, and what it sent is read."""


async def drain(runner: QuietRunner, limiter: ConnectionLimiter, *, handed_over: bool, limit: timedelta) -> None:
    """Accept nobody any more, and return when no body is on its way any more, or at the limit.

    handed_over: the sockets stay open, as another process has them too.
    """
    loop = asyncio.get_running_loop()
    runner.stop_accepting()
    log.info("draining", connections=len(limiter))
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    began = loop.time()
    soon, end = began + (LAME_DUCK.total_seconds() if handed_over else 0), began + limit.total_seconds()
    while loop.time() < end and (  # noqa: ASYNC110 - see below
        limiter.is_waited_for or (len(limiter) > 0 and loop.time() < soon)
    ):
        await asyncio.sleep(_LOOK)  # looking costs nothing, and telling would cost each request something
