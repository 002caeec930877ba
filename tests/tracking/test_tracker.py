"""News is committed before anybody is told of it, and told once per commit group."""

import asyncio

import pytest
from fakes.asking import asking
from prometheus_client import generate_latest

from kling_daemon.bus import Bus
from kling_daemon.jobs import JobState
from kling_daemon.reports import Source
from kling_daemon.store import News
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import Tracker

NOBODY = "http://127.0.0.1:9"


class WatchedBus(Bus):
    """Notes what was published in which order, and whether it could be read back at that moment."""

    def __init__(self):
        super().__init__()
        self.published = []

    def publish(self, items):
        self.published.append([item.type.value for item in items])
        super().publish(items)


@pytest.fixture
async def here(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        here.bus = WatchedBus()
        here.metrics = Metrics(version="test")
        here.tracker = Tracker(here.store, here.bus, here.metrics)
        yield here


async def turn():
    """Let the loop take a turn."""
    await asyncio.sleep(0)


async def test_when_record_returns_the_event_is_on_disk_and_the_bell_rings_on_the_next_turn(here):
    recorded = await here.tracker.record(News(report=here.report("t1", JobState.SUCCEEDED), adopt=True))
    assert here.bus.published == []
    assert [event.id for event in recorded.events] == [event.id for _, event in await here.store.read.events(limit=9)]
    await turn()
    assert here.bus.published == [["job.status_changed", "job.completed"]]


async def test_what_one_commit_brought_is_told_at_once(here):
    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            news = News(report=here.report(f"t{number}", JobState.PROCESSING), adopt=True)
            tasks.create_task(here.tracker.record(news))
    await turn()
    assert len(here.bus.published) < 20
    assert sum(len(items) for items in here.bus.published) == 20


async def test_a_repetition_rings_for_nobody(here):
    for _ in range(3):
        await here.called_back("t1", JobState.SUCCEEDED)
        await turn()
    assert len(here.bus.published) == 1


@pytest.mark.parametrize(
    ("state", "hurries"), [(JobState.PROCESSING, True), (JobState.SUCCEEDED, False)], ids=["open", "ended"]
)
async def test_the_poller_is_rung_for_jobs_that_may_have_to_be_polled(here, state, hurries):
    await here.called_back("t1", state)
    await turn()
    assert here.tracker.polls_changed.is_set() is hurries


async def test_a_missed_callback_is_counted_once_by_endpoint_and_model(here):
    job = await here.called_back("t1", endpoint="/text-to-video/kling-3.0")
    end = here.report("t1", JobState.SUCCEEDED, source=Source.POLL)
    for _ in range(2):
        await here.tracker.record(News(report=end, job_id=job.id, polled_at=here.clock.now()))
    await turn()
    text = generate_latest(here.metrics.registry).decode()
    assert 'kling_daemon_missed_callbacks_total{endpoint="/text-to-video/kling-3.0",model="unknown"} 1.0' in text


async def test_open_jobs_are_followed_from_state_to_state(here):
    for state in (JobState.SUBMITTED, JobState.PROCESSING, JobState.PROCESSING):
        await here.called_back("t1", state)
    await here.called_back("t2", JobState.PROCESSING)
    await here.called_back("t2", JobState.FAILED)
    await turn()
    text = generate_latest(here.metrics.registry).decode()
    assert 'kling_daemon_open_jobs{state="processing"} 1.0' in text
    assert 'kling_daemon_open_jobs{state="submitted"} 0.0' in text
