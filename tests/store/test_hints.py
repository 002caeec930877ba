"""Task ids that wait to be asked about: each once, bounded, and of a flood the first ones and the last ones."""

import sqlite3
from contextlib import asynccontextmanager, closing

from kling_daemon.store import DATABASE, HintWeight, News, Store
from kling_daemon.store.migrate import migrate, migrations
from kling_daemon.testing.clock import ManualClock


@asynccontextmanager
async def opened(directory, *, hint_limit=100):
    async with Store.open(directory, clock=ManualClock(), hint_limit=hint_limit) as store:
        yield store


def named(*task_ids, weight=HintWeight.NONE):
    return [News(hint=weight, hinted_task_id=task_id) for task_id in task_ids]


async def flood(store, name, count, **weight):
    """Send so many invented ids, in groups as they come; return how many gave way."""
    recorded = []
    for start in range(0, count, 25):
        ids = [f"{name}{number}" for number in range(start, min(start + 25, count))]
        recorded += await store.record_each(named(*ids, **weight))
    return sum(one.evicted_hints for one in recorded)


async def waiting(store, limit=1000, **signed):
    return [hint.task_id for hint in await store.due.hints(limit, **signed)]


async def test_what_waits_when_a_flood_begins_is_not_driven_out_by_it(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_each(named("true"))
        assert await flood(store, "invented", 1000) == 901
        assert (await waiting(store))[0] == "true"
        assert len(await waiting(store)) == 100


async def test_what_comes_when_a_flood_has_ended_is_asked_about_next(tmp_path):
    async with opened(tmp_path) as store:
        await flood(store, "invented", 1000)
        await store.record_each(named("true"))
        assert (await waiting(store, 20))[-1] == "true"


async def test_signed_ones_wait_apart_and_no_flood_reaches_them(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_each(named("signed", weight=HintWeight.JOB))
        await flood(store, "invented", 1000)
        assert await waiting(store, signed=True) == ["signed"]
        assert len(await waiting(store)) == 100


async def test_signed_ones_are_bounded_too(tmp_path):
    async with opened(tmp_path) as store:
        assert await flood(store, "signed", 250, weight=HintWeight.JOB) == 150
        assert len(await waiting(store, signed=True)) == 100


async def test_one_that_was_named_without_proof_and_is_then_signed_waits_with_the_signed_ones(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_each(named("t1"))
        await store.record_each(named("t1", weight=HintWeight.JOB))
        await store.record_each(named("t1"))
        assert (await waiting(store), await waiting(store, signed=True)) == ([], ["t1"])


async def test_one_that_is_named_again_while_kling_is_asked_is_asked_about_again(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_each(named("again", "once"))
        asked = await store.due.hints(9)
        await store.record_each(named("again"))
        await store.drop_hints(asked)
        assert await waiting(store) == ["again"]
        await store.drop_hints(await store.due.hints(9))
        assert await waiting(store) == []


async def test_what_an_earlier_version_kept_waits_without_weight(tmp_path):
    database = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    with closing(database):
        migrate(database, migrations()[:9], before=lambda _version: None)
        database.execute(
            "INSERT INTO hints (seq, account, task_id, received_at, asked) VALUES (7, 'default', 'old', 1, 0)"
        )
    async with opened(tmp_path) as store:
        await store.record_each(named("new"))
        assert await waiting(store) == ["old", "new"]
        await store.drop_hints(await store.due.hints(9))
        assert await waiting(store) == []


async def test_what_no_more_than_may_wait_is_all_kept(tmp_path):
    async with opened(tmp_path, hint_limit=5) as store:
        assert await flood(store, "t", 5) == 0
        assert await waiting(store) == ["t0", "t1", "t2", "t3", "t4"]
        assert await flood(store, "u", 1) == 1
        assert await waiting(store) == ["t0", "t1", "t3", "t4", "u0"]
