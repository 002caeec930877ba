"""How much is still to come, so that a test can wait until nothing is."""

import asyncio


class Pending:
    """A count of what was begun and has not ended, and a bell for when it is zero."""

    def __init__(self) -> None:
        """Start with nothing begun."""
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def begin(self) -> None:
        """Count one thing more; it must be ended once, whatever becomes of it."""
        self._count += 1
        self._none.clear()

    def end(self) -> None:
        """Count one thing less. What it brings about is begun before."""
        self._count -= 1
        if not self._count:
            self._none.set()

    @property
    def is_none(self) -> bool:
        """True when everything that was begun has ended."""
        return self._none.is_set()

    async def none(self) -> None:
        """Wait until everything that was begun has ended; at once when that is so."""
        await self._none.wait()
