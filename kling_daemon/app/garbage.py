"""How the garbage collector is set for a daemon that makes thousands of values a second."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_YOUNG = 10_000
"""How many values more may be made than freed until the collector looks for cycles among the young ones."""


@contextmanager
def rare_collections() -> Iterator[Callable[[], None]]:
    """Let the collector look less often, as long as the context lasts; call what is yielded when the start is over.

    Commit groups make values by the thousand that live for milliseconds and in no cycle: it need not look at each of
    them. What a start has made stays to the end: from the call on it is not looked at again.
    """
    before = gc.get_threshold()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield gc.freeze
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
