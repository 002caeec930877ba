import asyncio
from datetime import timedelta

import pytest
from fakes.stored_news import news, opened, record_all

from kling_daemon.api import EventTail
from kling_daemon.bus import Bus


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path) as opened_store:
        yield opened_store


async def stored(store, first, count):
    """Store so many events, two at a time."""
    await record_all(store, [news(f"t{number}") for number in range(first, first + count // 2)])


def numbers(tail, after):
    frames = tail.after(after)
    return None if frames is None else [frame.seq for frame in frames]


async def test_what_is_kept_is_bounded_by_number_and_by_size(store):
    for limits in ({"size": 4}, {"max_bytes": 1}):
        tail = EventTail(store.events, Bus(), **limits)
        with tail.listening():
            await stored(store, await store.events.latest(), 2)
            await tail.step()
            await stored(store, await store.events.latest(), 4)
            await tail.step()
            kept = 4 if "size" in limits else 1
            assert numbers(tail, tail.floor) == list(range(tail.head - kept + 1, tail.head + 1))
            assert numbers(tail, tail.floor - 1) is None
            assert numbers(tail, tail.head) == []
        assert (numbers(tail, tail.head), tail.floor) == ([], tail.head)


async def test_after_a_long_time_without_listeners_only_the_latest_are_read(store):
    tail = EventTail(store.events, Bus(), size=8)
    await stored(store, 0, 40)
    with tail.listening():
        await tail.step()
        assert numbers(tail, tail.floor) == [39, 40]
        assert numbers(tail, 10) is None


async def test_a_listener_is_woken_by_the_bell_and_by_the_end_and_nobody_is_read_for_in_vain(store):
    bus = Bus()
    tail = EventTail(store.events, bus, recheck=timedelta(hours=1), pause=timedelta(0))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tail.run(), name="event tail")
        recorded = await store.record(news("t1"))
        bus.publish(recorded.events)
        await asyncio.sleep(0)
        assert tail.head == 0
        with tail.listening():
            async with asyncio.timeout(20):
                await tail.wait(0, 3600)
                assert numbers(tail, 0) == [1, 2]
                bus.publish((await store.record(news("t2"))).events)
                await tail.wait(2, 3600)
                assert numbers(tail, 2) == [3, 4]
                waiting = tasks.create_task(tail.wait(4, 3600), name="a listener")
                tail.stop()
                await waiting


async def test_a_lost_ring_is_noticed(store):
    tail = EventTail(store.events, Bus(), recheck=timedelta(milliseconds=20))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tail.run(), name="event tail")
        with tail.listening():
            await store.record(news("t1"))
            async with asyncio.timeout(20):
                while tail.head < 2:
                    await tail.wait(tail.head, 3600)
        tail.stop()
