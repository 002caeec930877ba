"""Running a verb's work so that a signal ends it in order: everything it has opened is closed, and the status tells."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STATUS = 128
"""What a shell adds to a signal's number to tell how a program ended."""


class InterruptedExit(Exception):  # noqa: N818 - it is no mistake of anybody's
    """A signal has ended the work, which has been cleared away."""

    def __init__(self, number: signal.Signals) -> None:
        """Take the first signal that came."""
        super().__init__(number.name)
        self.number = number
        self.status = STATUS + number


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; a signal cancels it, and each further one cancels the clearing away.

    Raises InterruptedExit when it was cancelled so.
    """
    taken: list[signal.Signals] = []

    async def watched() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def take(number: signal.Signals) -> None:
            taken.append(number)
            if task is not None:
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, take, number)
        return await work

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if not taken:
            raise
        raise InterruptedExit(taken[0]) from None
