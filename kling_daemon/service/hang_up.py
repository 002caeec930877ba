"""SIGHUP: it asks for the configuration to be read anew, or tells that the terminal is gone, which asks for a stop."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_STREAMS = (1, 2)


class HangUp:
    """Takes SIGHUP from when it is made until the process ends; what comes before anybody listens is kept."""

    def __init__(self) -> None:
        """Take the signal over from now on; outside of the main thread, where no signal comes, do nothing."""
        self._came = False
        self._tell: Callable[[], None] | None = None
        self._terminals = [stream for stream in _STREAMS if os.isatty(stream)]
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
        if self._let_go_of_lost_terminals():
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._came = True
        if self._tell is not None:
            self._tell()

    def _let_go_of_lost_terminals(self) -> bool:
        """Have what is written to terminals that are gone lead nowhere; True if there were any.

        Nobody sees any more what a daemon in the foreground says, and each line that it logs would fail where it is.
        """
        lost = [stream for stream in self._terminals if not os.isatty(stream)]
        if lost:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in lost:
                os.dup2(nowhere, stream)
            os.close(nowhere)
            self._terminals = []
        return bool(lost)
