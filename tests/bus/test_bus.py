import asyncio

import pytest
from fakes.silent_bus import SilentBus
from strategies.kling_news import EPOCH, queued_job

from kling_daemon.bus import Bus
from kling_daemon.events import SUBSCRIBABLE, EventType, JobEvent, Notice, NoticeKind, notice
from kling_daemon.jobs import JobState


def event(event_type: EventType, number: int = 0) -> JobEvent:
    return JobEvent(
        id=f"{event_type}-{number}",
        type=event_type,
        occurred_at=EPOCH,
        job_id="job",
        previous_state=JobState.PROCESSING,
        job=queued_job(),
    )


def balance() -> Notice:
    return notice(NoticeKind.KLING_BALANCE, "default", "The account is empty; top it up.", EPOCH)


async def test_a_listener_sees_all_three_event_types_and_notices_in_their_order():
    bus = Bus()
    items = [*(event(event_type) for event_type in EventType), balance()]
    with bus.subscribe(SUBSCRIBABLE) as listener:
        bus.publish(items)
        assert [await listener.get() for _ in items] == items


async def test_a_listener_sees_only_the_types_that_it_asked_for():
    bus = Bus()
    with bus.subscribe({"job.completed"}) as listener:
        bus.publish([event(EventType.STATUS_CHANGED), balance(), event(EventType.COMPLETED)])
        assert (await listener.get()).type is EventType.COMPLETED


async def test_a_reader_that_waits_is_woken_by_what_comes():
    bus = Bus()
    seen = []

    async def read() -> None:
        async for item in listener:
            seen.append(item)
            if len(seen) == 3:
                return

    with bus.subscribe(SUBSCRIBABLE) as listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(), name="reader")
            for number in range(3):
                await asyncio.sleep(0)
                bus.publish([event(EventType.COMPLETED, number)])
    assert [item.id for item in seen] == ["job.completed-0", "job.completed-1", "job.completed-2"]


async def test_a_full_queue_drops_and_counts_and_keeps_others_whole():
    dropped = []
    bus = Bus(on_drop=lambda: dropped.append(1))
    items = [event(EventType.COMPLETED, number) for number in range(5)]
    with bus.subscribe(SUBSCRIBABLE, size=2) as slow, bus.subscribe(SUBSCRIBABLE) as quick:
        bus.publish(items)
        assert slow.dropped == len(dropped) == 3
        assert [await slow.get(), await slow.get()] == items[:2]
        bus.publish([balance()])
        assert isinstance(await slow.get(), Notice)
        assert quick.dropped == 0
        assert [await quick.get() for _ in items] == items


async def test_a_bell_rings_once_for_a_commit_group_whatever_its_size():
    bus = Bus()
    rings = []
    with bus.bell({"job.completed"}, lambda: rings.append("ring")):
        bus.publish([event(EventType.COMPLETED, number) for number in range(100)])
        bus.publish([event(EventType.FAILED)])
        bus.publish([])
    assert rings == ["ring"]


async def test_who_has_left_is_told_nothing():
    bus = Bus()
    rings = []
    with bus.subscribe(SUBSCRIBABLE) as listener, bus.bell(SUBSCRIBABLE, lambda: rings.append("ring")):
        pass
    bus.publish([event(EventType.COMPLETED)])
    assert (rings, listener.dropped) == ([], 0)


async def test_the_silent_bus_loses_every_ring():
    bus = SilentBus()
    rings = []
    with bus.subscribe(SUBSCRIBABLE, size=1) as listener, bus.bell(SUBSCRIBABLE, lambda: rings.append("ring")):
        bus.publish([event(EventType.COMPLETED, number) for number in range(9)])
        assert (rings, listener.dropped) == ([], 0)


@pytest.mark.parametrize("types", [{"job.done"}, {"job.completed", "notices"}])
def test_a_type_that_does_not_exist_is_refused_by_name(types):
    with pytest.raises(ValueError, match=r"no such type of event: (job\.done|notices); there are job\.status_changed"):
        Bus().subscribe(types).__enter__()
