"""Stopping: one signal asks for it, a second one insists, and past the limit the process ends whatever hangs."""

import asyncio
import os
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_BY_PYTHON = 0x80
"""Marks what Python's handler tells, apart from what the interpreter's own tells of the same signal."""
_OVERDUE = 1
"""The exit status of a process that did not stop in time; nothing is lost by it."""
_LAST_WORDS = 1.0
"""Seconds for saying why the process ends: whoever reads the log may be what hangs."""


class StopSignal:
    """Waits for SIGTERM or SIGINT; the second one ends the process at once, which loses nothing but time.

    From the first signal on, the process has the limit to end by itself; then it is ended. A thread sees to that, not
    the event loop, which may be what hangs: in a handler that blocks it, or in a thread that the interpreter waits for
    when it exits. Everything that was promised is on disk already: the next start goes on from there. Only foreign code
    that never lets the interpreter run is beyond it; that takes SIGKILL, which a service manager sends.
    """

    def __init__(self, limit: timedelta) -> None:
        """Not asked to stop yet."""
        self._limit = limit
        self._asked = asyncio.Event()
        self._signalled = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals for as long as the context lasts.

        After a stop by signal the process is about to exit, is still watched, and another signal still ends it at once.
        After any other end the signals mean what they meant before.
        """
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        reading, writing = os.pipe()
        os.set_blocking(writing, False)

        def note(number: int, _frame: FrameType | None) -> None:
            # No more than this: it may come between any two steps of the program, those of the log included.
            self._signalled = True
            os.write(writing, bytes([number | _BY_PYTHON]))

        watch = threading.Thread(
            target=self._watch, args=(reading, asyncio.get_running_loop()), name="stop watch", daemon=True
        )
        watch.start()
        for number in _SIGNALS:
            signal.signal(number, note)
        # The interpreter's own handler tells of a signal too, and at once: Python's runs only when the main thread
        # comes to it, which one that is about to block does not. But this descriptor can be taken away, by asyncio.
        before_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            if not self._signalled:
                for number, handler in before.items():
                    signal.signal(number, handler or signal.SIG_DFL)
                signal.set_wakeup_fd(before_fd)
                os.close(writing)
                watch.join()
                os.close(reading)

    def ask(self) -> None:
        """Ask for the stop from within the program, which then sees to it that it ends."""
        self._asked.set()

    async def wait(self) -> None:
        """Return when the program shall stop."""
        await self._asked.wait()

    def _watch(self, reading: int, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the first signal, pass it on, and then for the second one or the limit."""
        told: Counter[bool] = Counter()
        limit: float | None = None
        signals = select.poll()
        signals.register(reading, select.POLLIN)
        while signals.poll(None if limit is None else max(limit - time.monotonic(), 0) * 1000):
            if not (numbers := os.read(reading, 64)):
                return
            for number in numbers:
                if number & ~_BY_PYTHON not in _SIGNALS:
                    continue
                told[number >= _BY_PYTHON] += 1
                if limit is None:
                    limit = time.monotonic() + self._limit.total_seconds()
                    self._begin(number & ~_BY_PYTHON, loop)
                elif max(told.values()) > 1:
                    log.warning("stopping at once", signal=signal.Signals(number & ~_BY_PYTHON).name)
                    os._exit(128 + (number & ~_BY_PYTHON))
        threads = [thread.name for thread in threading.enumerate() if not thread.daemon]
        log.error("did not stop in time", limit=str(self._limit), threads=threads)
        os._exit(_OVERDUE)

    def _begin(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        # Started now, since an interpreter that is about to exit starts no thread any more.
        backstop = threading.Timer(self._limit.total_seconds() + _LAST_WORDS, os._exit, (_OVERDUE,))
        backstop.daemon = True
        backstop.start()
        with suppress(RuntimeError):  # the loop is closed: the process is on its way out
            loop.call_soon_threadsafe(self._take, number)

    def _take(self, number: int) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        self._asked.set()
