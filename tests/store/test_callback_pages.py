"""Parts of the list of kept callbacks, however few of them are asked for."""

from dataclasses import replace
from datetime import timedelta

from fakes.stored_news import callback, opened, record_all

from kling_daemon.store import CallbackFilter, CallbackPages, HintWeight, News
from kling_daemon.store.connection import open_reader
from kling_daemon.testing.clock import START


async def made(store, count):
    """Keep so many callbacks, a minute apart; each third one is a hint."""
    told = [
        callback(
            webhook_id=f"m{number}",
            received_at=START + timedelta(minutes=number),
            verdict="believed" if number % 3 else "hint",
        )
        for number in range(count)
    ]
    await record_all(store, [News(callback=each, hint=HintWeight.JOB) for each in told])


async def walked(pages, wanted, limit):
    seen, before, parts = [], None, 0
    while True:
        rows, before = await pages.falling(wanted, limit=limit, before=before)
        assert len(rows) <= limit
        seen += [row.webhook_id for row in rows]
        parts += 1
        if before is None:
            return seen, parts


async def test_every_window_and_every_limit_lead_to_the_same_list(tmp_path):
    async with opened(tmp_path) as store, open_reader(tmp_path / "kling.db") as connection:
        await made(store, 20)
        everything = [f"m{number}" for number in reversed(range(20))]
        for window in (1, 3, 19, 20, 21):
            pages = CallbackPages(connection, window=window)
            for limit in (1, 2, 7, 50):
                assert (await walked(pages, CallbackFilter(), limit))[0] == everything
                hints, _ = await walked(pages, CallbackFilter(verdict="hint"), limit)
                assert hints == everything[1::3]
                since = CallbackFilter(since=START + timedelta(minutes=15))
                assert (await walked(pages, since, limit))[0] == everything[:5]


async def test_what_is_older_than_asked_for_is_not_looked_at(tmp_path):
    async with opened(tmp_path) as store, open_reader(tmp_path / "kling.db") as connection:
        await made(store, 20)
        pages = CallbackPages(connection, window=4)
        _, parts = await walked(pages, CallbackFilter(since=START + timedelta(minutes=18)), 50)
        assert parts == 1


async def test_an_empty_store_has_no_callbacks_and_no_evidence(tmp_path):
    async with opened(tmp_path) as store:
        assert await store.read.callback_pages.falling(limit=5) == ([], None)
        assert await store.read.callback_pages.falling(CallbackFilter(since=START), limit=5) == ([], None)
        assert await store.read.callback_pages.evidence(1) is None
        assert await store.read.callback_pages.tallies() == ({}, [])


async def test_news_that_is_older_than_what_is_kept_leaves_the_proof_as_it_is(tmp_path):
    late = callback(webhook_id="m", headers=b"late", secret="new", received_at=START + timedelta(hours=1))
    early = replace(late, headers=b"early", secret="old", received_at=START)
    async with opened(tmp_path) as store:
        for each in (late, early):
            await store.record(News(callback=each, hint=HintWeight.JOB))
        ((row,), _) = await store.read.callback_pages.falling(limit=5)
        kept = await store.read.callback_pages.evidence(row.id)
        assert (kept.headers, kept.secret, kept.last_at, row.count) == (b"late", "new", late.received_at, 2)
