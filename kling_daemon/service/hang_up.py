"""SIGHUP: it asks for the configuration to be read anew, and never ends the process."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class HangUp:
    """Takes SIGHUP from when it is made until the process ends; what comes before anybody listens is kept."""

    def __init__(self) -> None:
        """Take the signal over from now on; outside of the main thread, where no signal comes, do nothing."""
        self._came = False
        self._tell: Callable[[], None] | None = None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self._note)

    @contextmanager
    def told_to(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener, on the running loop, for each signal, and at once if there was one already.

        Signals that come close together may be told as one.
        """
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: the process is on its way out
                loop.call_soon_threadsafe(listener)

        self._tell = tell
        if self._came:
            tell()
        try:
            yield
        finally:
            self._tell = None

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        # It may come between any two steps of the program, so it does no more than this.
        self._came = True
        if self._tell is not None:
            self._tell()
