"""Loops run side by side, finish their round when it is time to stop, and take the daemon along when they break."""

import asyncio
from datetime import timedelta

import pytest

from kling_daemon.app.looping import looping

LONG = timedelta(seconds=20)


class Loop:
    """Goes round until it is stopped, and then as long as a test wants."""

    def __init__(self, *, after_stop=None, error=None):
        self.stopped = asyncio.Event()
        self.running = asyncio.Event()
        self.finished = False
        self.after_stop = after_stop
        self.error = error

    async def run(self):
        self.running.set()
        if self.error is not None:
            raise self.error
        await self.stopped.wait()
        if self.after_stop is not None:
            await self.after_stop
        self.finished = True

    def stop(self):
        self.stopped.set()


async def test_each_loop_is_stopped_and_may_finish_its_round():
    loops = {"one": Loop(), "two": Loop(after_stop=asyncio.sleep(0))}
    async with looping(loops, LONG):
        for loop in loops.values():
            await loop.running.wait()
    assert all(loop.finished for loop in loops.values())


async def test_a_loop_that_does_not_end_is_cut_off_and_the_others_are_not():
    endless = asyncio.get_running_loop().create_future()
    loops = {"good": Loop(), "endless": Loop(after_stop=endless)}
    async with asyncio.timeout(20), looping(loops, timedelta(milliseconds=50)):
        await loops["endless"].running.wait()
    assert loops["good"].finished
    assert not loops["endless"].finished
    assert endless.cancelled()


async def test_a_loop_that_breaks_ends_the_context_with_its_error():
    loops = {"good": Loop(), "broken": Loop(error=LookupError("a mistake"))}
    with pytest.raises(ExceptionGroup) as caught:
        async with looping(loops, LONG):
            await asyncio.get_running_loop().create_future()
    assert caught.group_contains(LookupError, match="a mistake")


async def test_no_loops_are_fine():
    async with looping({}, LONG):
        pass
