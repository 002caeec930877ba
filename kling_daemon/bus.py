"""The doorbell: tells whoever listens, in memory, that something was committed.

It is rung after the commit and never carries the news itself to anybody who must not miss it: lanes are given their
deliveries by the store, claim there what they were not given when it rings, and look there from time to time anyway.
Lose every ring and the daemon is slower, not wrong.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

from kling_daemon.events import SUBSCRIBABLE, Item

T = TypeVar("T")


class Listener:
    """A bounded queue of its own between the bus and one reader, such as a live stream.

    A reader that is too slow loses the newest items and can see how many: nobody else waits for it.
    """

    def __init__(self, size: int, on_drop: Callable[[], None]) -> None:
        """Hold at most that many items that were not read yet; `on_drop` is told of each that found the queue full."""
        self.dropped = 0
        """How many items found the queue full."""
        self._size = size
        self._on_drop = on_drop
        self._items: deque[Item] = deque()
        self._bell = asyncio.Event()

    def put(self, item: Item) -> None:
        """Take an item from the bus, or drop and count it."""
        if len(self._items) >= self._size:
            self.dropped += 1
            self._on_drop()
            return
        self._items.append(item)
        if len(self._items) == 1:
            self._bell.set()

    async def get(self) -> Item:
        """Return the oldest item that was not read yet, waiting for one if need be; for one reader at a time."""
        while not self._items:
            self._bell.clear()
            await self._bell.wait()
        return self._items.popleft()

    def __aiter__(self) -> Self:
        """Iterate over the items as they come, without an end."""
        return self

    async def __anext__(self) -> Item:
        """Return the next item."""
        return await self.get()


class Bus:
    """Passes committed events and notices on to listeners, and rings bells; used on one event loop."""

    def __init__(self, *, on_drop: Callable[[], None] = lambda: None) -> None:
        """Start with nobody listening. on_drop: called for each item that a listener's queue had no room for."""
        self._on_drop = on_drop
        self._listeners: dict[str, tuple[Listener, ...]] = dict.fromkeys(SUBSCRIBABLE, ())
        self._bells: dict[str, tuple[Callable[[], None], ...]] = dict.fromkeys(SUBSCRIBABLE, ())

    @contextmanager
    def subscribe(self, types: Collection[str], *, size: int = 1024) -> Iterator[Listener]:
        """Listen, for as long as the context lasts, to items of these types (`job.completed`, …, `notice`).

        ValueError for a type that does not exist.
        """
        listener = Listener(size, self._on_drop)
        with _added(self._listeners, types, listener):
            yield listener

    @contextmanager
    def bell(self, types: Collection[str], ring: Callable[[], None]) -> Iterator[None]:
        """Have `ring` called, for as long as the context lasts, when items of these types were committed.

        Called once per commit group and type, however many items there are: the cheap way, for those who look into
        the store anyway. It must not raise. ValueError for a type that does not exist.
        """
        with _added(self._bells, types, ring):
            yield

    def publish(self, items: Iterable[Item]) -> None:
        """Tell of what one commit group made durable, in its order; never waits."""
        listeners = self._listeners
        types = set()
        for item in items:
            types.add(item.type)
            for listener in listeners[item.type]:
                listener.put(item)
        for item_type in types:
            for ring in self._bells[item_type]:
                ring()


@contextmanager
def _added(registry: dict[str, tuple[T, ...]], types: Collection[str], entry: T) -> Iterator[None]:
    """Keep an entry under each of the types; tuples are replaced whole, so that publishing may go on meanwhile."""
    unknown = set(types) - registry.keys()
    if unknown:
        raise ValueError(f"no such type of event: {', '.join(sorted(unknown))}; there are {', '.join(registry)}")
    for item_type in set(types):
        registry[item_type] += (entry,)
    try:
        yield
    finally:
        for item_type in set(types):
            registry[item_type] = tuple(other for other in registry[item_type] if other is not entry)
