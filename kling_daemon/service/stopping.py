"""Stopping: one signal asks for it, a second one insists, and past the limit the process ends whatever hangs."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OVERDUE = 1
"""The exit status of a process that did not stop in time; nothing is lost by it."""


class StopSignal:
    """Waits for SIGTERM or SIGINT; the second one ends the process at once, which loses nothing but time.

    From the first signal on, the process has the limit to end by itself; then it is ended. That is watched by a thread,
    since what hangs may be the event loop, or a thread that the interpreter waits for when it exits. Everything that
    was promised is on disk already: the next start goes on from there.
    """

    def __init__(self, limit: timedelta) -> None:
        """Not asked to stop yet."""
        self._limit = limit
        self._asked = asyncio.Event()
        self._signalled = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals for as long as the context lasts.

        After a stop by signal the process is about to exit, and another signal still ends it at once. After any other
        end the signals mean what they meant before.
        """
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._take, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, _exit_at_once if self._signalled else before[number] or signal.SIG_DFL)

    def ask(self) -> None:
        """Ask for the stop from within the program, which then sees to it that it ends."""
        self._asked.set()

    async def wait(self) -> None:
        """Return when the program shall stop."""
        await self._asked.wait()

    def _take(self, number: signal.Signals) -> None:
        if self._signalled:
            _exit_at_once(number, None)
        self._signalled = True
        log.info("stopping", signal=signal.Signals(number).name)
        timer = threading.Timer(self._limit.total_seconds(), _give_up, (self._limit,))
        timer.daemon = True
        timer.start()
        self._asked.set()


def _exit_at_once(number: int, _frame: FrameType | None) -> None:
    log.warning("stopping at once", signal=signal.Signals(number).name)
    os._exit(128 + number)


def _give_up(limit: timedelta) -> None:
    threads = [thread.name for thread in threading.enumerate() if not thread.daemon]
    log.error("did not stop in time", limit=str(limit), threads=threads)
    os._exit(_OVERDUE)
