"""A look comes again and again, outlives the store's trouble, and ends when it is told to."""

from datetime import timedelta

from kling_daemon.app.watching import Watching
from kling_daemon.store import StoreUnavailableError


async def test_it_looks_at_once_and_again_also_after_trouble():
    looks = []

    async def look():
        looks.append(len(looks))
        if len(looks) == 2:
            raise StoreUnavailableError("the disk is full")
        if len(looks) == 4:
            watching.stop()

    watching = Watching(look, every=timedelta(microseconds=1))
    await watching.run()
    assert looks == [0, 1, 2, 3]


async def test_it_does_nothing_once_it_was_stopped():
    async def look():
        raise AssertionError

    watching = Watching(look, every=timedelta(hours=1))
    watching.stop()
    await watching.run()
