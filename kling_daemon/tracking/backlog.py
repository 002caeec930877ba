"""How much may wait for the writer at the door: callbacks beyond that are turned away rather than kept in memory."""

from collections.abc import Sequence

MOST = 64 * 1024**2
"""How many bytes of callbacks wait to be committed at most: seconds of a flood, and bearable on a small machine."""

EACH = 8 * 1024
"""What a callback counts for besides its body: its headers, and what was made of it on the way."""


class Backlog:
    """The memory that callbacks take from when they are judged until they are committed or refused.

    Only they come in any number from outside. Whatever else is written waits without being counted here: each lane,
    poll and request of the local API waits for its own writing before it brings more.
    """

    def __init__(self, most: int = MOST) -> None:
        """Begin empty. most: in bytes."""
        self._most = most
        self._taken = 0

    def take(self, size: int) -> bool:
        """Have so many bytes count from now on; False, and nothing counts, when that would be too much."""
        if self._taken + size > self._most:
            return False
        self._taken += size
        return True

    def take_each(self, sizes: Sequence[int]) -> Sequence[int | None]:
        """Have each of several count that finds room, in their order; None stands for one that finds none."""
        if self.take(sum(sizes)):
            return sizes
        return [size if self.take(size) else None for size in sizes]

    def give_back(self, size: int) -> None:
        """Let what was taken count no more."""
        self._taken -= size
