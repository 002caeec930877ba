"""A wall clock that is set back makes nothing wait longer; one that is set forward, or drifts, changes nothing."""

from datetime import timedelta

import pytest
import structlog
from fakes.stored_news import news, opened, record_all

from kling_daemon.app.clock_watch import LOOK, ClockWatch
from kling_daemon.app.watching import Watching
from kling_daemon.deliveries import Postponed, RetryPolicy, settle
from kling_daemon.ids import new_id
from kling_daemon.jobs import JobState
from kling_daemon.store import Intent, Postponement, Registration, SubmissionState
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START, ManualClock

HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def store(tmp_path, clock):
    """A store in which a delivery and a create wait for an hour from now, and 700 jobs for their polls."""
    async with opened(tmp_path, clock=clock) as opened_store:
        await opened_store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await opened_store.record(news())
        (delivery,) = await opened_store.claim("archive", limit=1, lease=HOUR)
        postponed = settle(
            Postponed(after=HOUR, reason="later"),
            attempt=1,
            created_at=START,
            policy=RetryPolicy(),
            now=START,
            jitter=0,
        )
        await opened_store.settle(delivery, postponed, outcome="postponed", started_at=START)
        job = make_job(id=new_id(START), external_id="e1", state=JobState.QUEUED, updated_at=START)
        await opened_store.make_job(Intent(job=job, path=job.endpoint, digest="0" * 64, callback_expected=True))
        await opened_store.claim_submissions(1)
        await opened_store.postpone_submission(
            Postponement(job_id=job.id, state=SubmissionState.QUEUED, due_at=START + HOUR, error="busy")
        )
        await record_all(opened_store, [news(f"p{number}", JobState.PROCESSING) for number in range(700)])
        yield opened_store


async def due_times(store, clock):
    """Return for how long the delivery, the create and the first poll wait from now."""
    moments = (
        await store.next_delivery_due("archive"),
        await store.due.next_submission_due(),
        await store.due.next_poll_due(),
    )
    return [moment - clock.now() for moment in moments]


async def watch(clock_watch):
    while await clock_watch.step() != LOOK:
        pass


async def test_what_waits_waits_no_longer_when_the_clock_is_set_back(store, clock):
    before, clock_watch = await due_times(store, clock), ClockWatch(store, clock)
    clock.set(START - YEAR)
    with structlog.testing.capture_logs() as logs:
        await watch(clock_watch)
        await watch(clock_watch)
    assert await due_times(store, clock) == before
    assert len(await store.due.due_polls(clock.now() + 2 * HOUR, 1000)) == 700
    assert logs == [
        {"event": "the wall clock was set back", "log_level": "warning", "seconds": YEAR.total_seconds()},
        {"event": "due times were put right", "log_level": "warning", "deliveries": 1, "submissions": 1, "polls": 700},
    ]


async def test_time_that_went_on_before_the_jump_is_no_part_of_it(store, clock):
    clock_watch = ClockWatch(store, clock)
    before = await due_times(store, clock)
    clock.advance(timedelta(seconds=9))
    clock.set(clock.now() - YEAR)
    await watch(clock_watch)
    assert await due_times(store, clock) == [wait - timedelta(seconds=9) for wait in before]


@pytest.mark.parametrize("jump", [YEAR, timedelta(seconds=-4), timedelta(0)])
async def test_nothing_is_moved_by_a_clock_that_is_set_forward_or_hardly(store, clock, jump):
    async def moments():
        return [await store.due.next_submission_due(), await store.due.next_poll_due()]

    before, clock_watch = await moments(), ClockWatch(store, clock)
    clock.set(START + jump)
    await watch(clock_watch)
    assert await moments() == before


async def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed_at_the_start(store, clock):
    before, last_written = await due_times(store, clock), await store.due.last_written()
    assert last_written == START
    clock.advance(10 * 60)
    clock.set(clock.now() - YEAR)
    await watch(ClockWatch(store, clock, last_written=last_written))
    assert await due_times(store, clock) == before


async def test_a_start_at_a_later_time_moves_nothing(store, clock):
    last_written = await store.due.last_written()
    clock.advance(1)
    before = await due_times(store, clock)
    await watch(ClockWatch(store, clock, last_written=last_written))
    assert await due_times(store, clock) == before


async def test_it_stops_when_it_is_told_to(store, clock):
    clock_watch = ClockWatch(store, clock)
    watching = Watching(clock_watch.step, every=LOOK)
    watching.stop()
    await watching.run()
