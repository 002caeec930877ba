from datetime import timedelta

import pytest
from fakes.stored_news import ALL_EVENTS, news, opened

from kling_daemon.deliveries import Acknowledged, DeliveryState, Rejected, RetryPolicy, settle
from kling_daemon.events import NoticeKind, notice
from kling_daemon.jobs import JobState
from kling_daemon.store import EventFilter, Registration, Replay, Replayed
from kling_daemon.store.event_pages import ALL_EVENTS as EVERY
from kling_daemon.store.replays import LOOKS, PART
from kling_daemon.testing.clock import START, ManualClock

BEYOND = 2**40
ENDS = frozenset({"job.completed", "job.failed"})


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path) as opened_store:
        await opened_store.register_handlers([Registration(name="archive", events=ENDS)])
        yield opened_store


async def work(store, handler, outcome=None, limit=100):
    """Have a handler settle what it is given, and return the events' types by job, in the order of their delivery."""
    given = []
    while deliveries := await store.claim(handler, limit=limit, lease=timedelta(minutes=1)):
        for delivery in deliveries:
            end = settle(
                outcome or Acknowledged(), attempt=delivery.attempt, created_at=START, policy=RetryPolicy(), now=START,
                jitter=0,
            )  # fmt: skip
            await store.settle(delivery, end, outcome="acknowledged", started_at=START)
            given.append((delivery.item.job.task_id, delivery.item.type.value, delivery.idempotency_key))
    return given


async def replay(store, handler, wanted=EVERY, after=0):
    part = await store.replays.look(handler, wanted, after=after, before=BEYOND)
    return await store.replay(Replay(handler=handler, events=(*part.first, *part.again)))


async def test_what_was_done_is_delivered_again_under_the_same_key_with_all_its_attempts(store):
    await store.record(news("t1"))
    done = await work(store, "archive")
    (row,) = await store.read.deliveries(limit=9)
    await store.save_step(row.id, "upload", "kept")
    assert await replay(store, "archive", EventFilter(types=ENDS)) == Replayed(first=0, again=1)
    (again,) = await store.read.deliveries(limit=9)
    assert (again.id, again.state, again.attempt, again.result) == (row.id, DeliveryState.PENDING, 0, None)
    assert await store.load_step(row.id, "upload") is None
    assert await work(store, "archive") == done


async def test_what_waits_or_runs_is_left_as_it_is(store):
    await store.record(news("t1"))
    (running,) = await store.claim("archive", limit=1, lease=timedelta(minutes=1))
    await store.record(news("t2"))
    part = await store.replays.look("archive", EVERY, after=0, before=BEYOND)
    assert (part.first, part.again, part.last) == ((1, 3), (), None)  # of types that it does not take, but may be asked
    assert await store.replay(Replay(handler="archive", events=(2, 4))) == Replayed(first=0, again=0)
    assert running.attempt == 1


async def test_dead_and_dropped_ones_are_delivered_again_and_the_notice_of_a_death_is_cleared(store):
    for task in ("t1", "t2"):
        await store.record(news(task))
    await work(store, "archive", Rejected(reason="no"))
    dropped, dead = await store.read.deliveries(limit=9)
    await store.drop_delivery(dropped.id)
    await store.raise_notice(notice(NoticeKind.DELIVERY_DEAD, str(dead.id), "dead", START))
    assert await replay(store, "archive", EventFilter(types=ENDS)) == Replayed(first=0, again=2)
    assert await store.read.open_notices() == []
    assert len(await work(store, "archive")) == 2


async def test_a_handler_that_was_added_later_gets_its_past_in_order_per_job(store):
    for state in (JobState.PROCESSING, JobState.SUCCEEDED):
        for task in ("t1", "t2"):
            await store.record(news(task, state, updated_at=START))
    await store.register_handlers([Registration(name="late", events=ALL_EVENTS)])
    assert await work(store, "late") == []
    assert await replay(store, "late") == Replayed(first=6, again=0)
    told = await work(store, "late")
    for task in ("t1", "t2"):
        types = [type_ for job, type_, _ in told if job == task]
        assert types == ["job.status_changed", "job.status_changed", "job.completed"]
    assert await replay(store, "late", EventFilter(types=frozenset({"job.completed"}))) == Replayed(first=0, again=2)


async def test_order_is_kept_where_some_are_made_and_others_opened_again(store):
    await store.record(news("t1"))
    assert len(await work(store, "archive")) == 1
    # From now on it takes every type: the job's first event is delivered for the first time, its last one again.
    await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
    assert await replay(store, "archive") == Replayed(first=1, again=1)
    assert [type_ for _, type_, _ in await work(store, "archive", limit=1)] == ["job.status_changed", "job.completed"]


async def test_a_replay_can_be_cut_down_to_a_job_and_a_span(store):
    jobs = [(await store.record(news(f"t{number}"))).job for number in range(3)]
    await work(store, "archive")
    wanted = EventFilter(job_id=jobs[1].id, types=ENDS)
    assert (await store.replays.look("archive", wanted, after=0, before=BEYOND)).again == (4,)
    assert (await store.replays.look("archive", wanted, after=4, before=BEYOND)).again == ()
    assert (await store.replays.look("archive", EventFilter(types=ENDS), after=2, before=6)).again == (4,)


async def test_a_large_replay_comes_in_parts_of_bounded_size_that_follow_each_other(store):
    for number in range(LOOKS // 2 + PART):
        await store.record(news(f"t{number}"))
    await store.register_handlers([Registration(name="late", events=ENDS)])
    found, after, parts = [], 0, 0
    while after is not None:
        part = await store.replays.look("late", EventFilter(types=ENDS), after=after, before=BEYOND)
        assert len(part.first) <= PART
        found += part.first
        after, parts = part.last, parts + 1
    assert found == list(range(2, LOOKS + 2 * PART + 1, 2))
    assert parts >= 3


async def test_nothing_is_given_to_a_handler_that_never_was(store):
    await store.record(news("t1"))
    assert await store.replay(Replay(handler="nobody", events=(1,))) is None


async def test_what_was_replayed_survives_a_restart(tmp_path):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        await store.record(news("t1"))
        await store.register_handlers([Registration(name="late", events=ENDS)])
        await replay(store, "late", EventFilter(types=ENDS))
    async with opened(tmp_path, clock=clock) as store:
        assert len(await work(store, "late")) == 1


async def test_who_depends_on_a_handler_that_was_never_given_the_event_sees_that_it_has_no_result(store):
    await store.record(news("t1"))
    late = [
        Registration(name="first", events=ENDS), Registration(name="second", events=ENDS, depends_on=("first",))
    ]  # fmt: skip
    await store.register_handlers(late)
    await replay(store, "second", EventFilter(types=ENDS))
    (delivery,) = await store.claim("second", limit=1, lease=timedelta(minutes=1))
    assert delivery.results == {"first": None}
