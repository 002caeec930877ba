"""What ends the daemon takes no other delivery along: suspects are tried one at a time."""

import asyncio
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from fakes.stored_news import ALL_EVENTS, news, opened, record_all
from fakes.suspects import leave_suspects
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_daemon.backoff import Backoff
from kling_daemon.deliveries import Acknowledged, Failed, Interrupted, Postponed, Rejected, RetryPolicy, settle
from kling_daemon.events import EventType
from kling_daemon.store import Registration
from kling_daemon.testing.clock import START, ManualClock

COMPLETED = frozenset({"job.completed"})
BACKOFF = Backoff(least=timedelta(seconds=1), longest=timedelta(seconds=4))
LATER = timedelta(hours=1)
"""Past every pause of these tests."""


@asynccontextmanager
async def life(directory):
    """The daemon started again, and so long ago that everything which waits for its time is due."""
    clock = ManualClock()
    async with opened(directory, clock=clock, backoff=BACKOFF) as store:
        clock.advance(LATER)
        yield store


async def claim(store, handler, limit=10):
    return await store.claim(handler, limit=limit, lease=timedelta(minutes=5))


async def end(store, delivery, outcome, now=START):
    policy = RetryPolicy(max_attempts=1000, backoff=BACKOFF)
    settlement = settle(
        outcome, attempt=delivery.attempt, created_at=delivery.created_at, policy=policy, now=now, jitter=0
    )
    return await store.settle(delivery, settlement, outcome="test", started_at=now)


def registered(*names):
    return [Registration(name=name, events=COMPLETED) for name in names]


@settings(max_examples=20, deadline=None)
@given(chance=st.randoms(use_true_random=True), lethal_count=st.integers(1, 2))
def test_no_two_deliveries_are_lost_together_more_than_twice(chance, lethal_count):
    """Whatever the timing and whatever else becomes of them; and what ends the daemon has its turn nevertheless."""
    with tempfile.TemporaryDirectory() as folder:
        losses = asyncio.run(deaths(Path(folder), chance, lethal_count))
    together = Counter(pair for lost in losses for pair in combinations(sorted(lost), 2))
    assert max(together.values(), default=0) <= 2
    lethal = {delivery for lost in losses for delivery in lost if is_lethal(delivery, lethal_count)}
    for delivery, times in Counter(delivery for lost in losses for delivery in lost).items():
        assert delivery in lethal or times <= 2 * len(lethal)


DEATHS = 7


async def deaths(directory, chance, lethal_count):
    """Live and die a few times and return what was lost each time, as handler and task id."""
    handlers, losses = ["a", "b", "c"], []
    clock = ManualClock()
    async with opened(directory, clock=clock) as store:
        await store.register_handlers(registered(*handlers))
        await record_all(store, [news(f"t{number}") for number in range(5)])
    for _ in range(DEATHS):
        running = {}
        async with opened(directory, clock=clock, backoff=BACKOFF, random=chance) as store:
            while not any(is_lethal(key, lethal_count) for key in running) or chance.random() < 0.5:
                await move(store, clock, chance, running, lethal_count)
        losses.append(set(running))
    return losses


async def move(store, clock, chance, running, lethal_count):
    """Let lanes claim at random, and end some of what runs in one way or another, but never what is lethal."""
    clock.advance(timedelta(seconds=chance.random()))
    for handler in chance.sample("abc", 3):
        for delivery in await claim(store, handler, chance.randint(1, 3)):
            running[handler, delivery.item.job.task_id] = delivery
    assert sum(delivery.is_suspect for delivery in running.values()) <= 1
    for key in list(running):
        if not is_lethal(key, lethal_count) and chance.random() < 0.3:
            postponed = Postponed(after=timedelta(seconds=1), reason="not yet")
            outcome = chance.choice([postponed, postponed, Failed(error="no"), Interrupted(), Acknowledged()])
            assert await end(store, running.pop(key), outcome, clock.now())


def is_lethal(delivery, count):
    return delivery in [("a", "t0"), ("b", "t1")][:count]


async def test_of_all_handlers_suspects_one_at_a_time_is_begun_and_nothing_else_waits(tmp_path):
    await leave_suspects(tmp_path, *registered("a", "b"), jobs=3)
    async with life(tmp_path) as store:
        await store.record(news("fresh"))
        first, fresh = await claim(store, "a", limit=2)
        assert [first.is_suspect, fresh.is_suspect] == [True, False]
        assert await claim(store, "a") == []
        (fresh,) = await claim(store, "b")
        assert not fresh.is_suspect
        assert await end(store, first, Acknowledged())
        (second,) = await claim(store, "b")
        assert second.is_suspect
        assert await claim(store, "a") == []


async def test_claims_in_one_transaction_see_each_other_s_suspects(tmp_path):
    handlers = ["a", "b", "c"]
    await leave_suspects(tmp_path, *registered(*handlers))
    async with life(tmp_path) as store, asyncio.TaskGroup() as tasks:
        claims = [tasks.create_task(claim(store, handler), name=handler) for handler in handlers]
    assert sorted(len(claimed.result()) for claimed in claims) == [0, 0, 1]


async def test_a_suspect_that_waits_for_its_turn_is_no_reason_to_look_again_at_once(tmp_path):
    await leave_suspects(tmp_path, *registered("a", "b"))
    async with life(tmp_path) as store:
        (running,) = await claim(store, "a")
        assert await claim(store, "b") == []
        assert await store.next_delivery_due("b") is None
        assert await end(store, running, Acknowledged())
        assert len(await claim(store, "b")) == 1


@pytest.mark.parametrize(
    "outcome", [Failed(error="no"), Postponed(after=timedelta(seconds=1), reason="later"), Interrupted()]
)
async def test_a_suspect_stays_one_whatever_else_becomes_of_an_attempt(tmp_path, outcome):
    """Else what ends the daemon only now and then would be run beside the same others again and again."""
    await leave_suspects(tmp_path, *registered("a", "b"))
    async with life(tmp_path) as store:
        (first,) = await claim(store, "a")
        assert await end(store, first, outcome)
        (again,) = await claim(store, "a")
        assert again.is_suspect
        assert await claim(store, "b") == []


async def test_a_person_s_retry_lifts_the_suspicion(tmp_path):
    await leave_suspects(tmp_path, *registered("a", "b"))
    async with life(tmp_path) as store:
        (running,) = await claim(store, "a")
        (waiting,) = await store.read.deliveries(limit=1, handler="b")
        assert await store.retry_delivery(waiting.id) == "b"
        (retried,) = await claim(store, "b")
        assert (running.is_suspect, retried.is_suspect, retried.attempt) == (True, False, 1)


async def test_a_suspect_whose_handler_is_not_loaded_keeps_no_other_waiting(tmp_path):
    await leave_suspects(tmp_path, *registered("a", "b"))
    async with life(tmp_path) as store:
        assert len(await claim(store, "b")) == 1


async def test_a_suspect_that_waits_for_another_handler_keeps_no_other_waiting(tmp_path):
    async with life(tmp_path) as store:
        await store.register_handlers(registered("first"))
    await leave_suspects(tmp_path, *registered("a", "b"))
    async with life(tmp_path) as store:
        await store.register_handlers([Registration(name="a", events=COMPLETED, depends_on=("first",))])
        assert await claim(store, "a") == []
        (other,) = await claim(store, "b")
        assert other.is_suspect
        (first,) = await claim(store, "first")
        assert await end(store, first, Acknowledged())
        assert await claim(store, "a") == []
        assert await end(store, other, Acknowledged())
        (last,) = await claim(store, "a")
        assert last.is_suspect


async def test_a_suspect_behind_an_earlier_event_of_its_job_keeps_no_other_waiting(tmp_path):
    async with life(tmp_path) as store:
        await store.register_handlers([Registration(name="a", events=ALL_EVENTS)])
        await store.register_handlers([Registration(name="b", events=COMPLETED)])
        await store.record(news())
        (change,) = await claim(store, "a")
        assert await end(store, change, Rejected(reason="never"))
    for _ in range(2):
        async with life(tmp_path) as store:
            assert [len(await claim(store, handler)) for handler in ("a", "b")] == [1, 1]
    async with life(tmp_path) as store:
        assert await store.retry_delivery(change.id) == "a"
        (change,) = await claim(store, "a", limit=1)
        assert change.item.type is EventType.STATUS_CHANGED
        assert await claim(store, "a") == []
        assert len(await claim(store, "b")) == 1
