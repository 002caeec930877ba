import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.stored_news import news, opened, record_all

from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, EventFilter
from kling_daemon.store.migrate import migrate, migrations
from kling_daemon.testing.clock import START, ManualClock

FAILURES = EventFilter(types=frozenset({"job.failed"}))


async def stored(store, count, state=JobState.SUCCEEDED):
    await record_all(store, [news(f"{state}{number}", state) for number in range(count)])


async def test_parts_follow_each_other_in_both_directions_while_events_come(tmp_path):
    async with opened(tmp_path) as store:
        await stored(store, 3)
        first = await store.events.falling(limit=4)
        await store.record(news("later"))
        rest = await store.events.falling(limit=9, before=first[-1][0])
        assert [seq for seq, _ in [*first, *rest]] == [6, 5, 4, 3, 2, 1]
        start = await store.events.rising(limit=5)
        rising = [*start, *await store.events.rising(limit=9, after=start[-1][0])]
        assert [seq for seq, _ in rising] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert [event for _, event in rising[:6]] == [event for _, event in [*first, *rest]][::-1]
        assert await store.events.latest() == 8


@pytest.mark.parametrize("order", ["rising", "falling"])
async def test_filters_choose_by_job_and_type(tmp_path, order):
    async with opened(tmp_path) as store:
        await stored(store, 3)
        failed = (await store.record(news("bad", JobState.FAILED))).job
        page = getattr(store.events, order)

        async def found(wanted, **span):
            return [(event.job.task_id, event.type.value) for _, event in await page(wanted, limit=9, **span)]

        assert await found(FAILURES) == [("bad", "job.failed")]
        assert await found(FAILURES, before=8) == await found(FAILURES, after=8) == []
        of_job = await found(EventFilter(job_id=failed.id))
        assert of_job[:: 1 if order == "rising" else -1] == [("bad", "job.status_changed"), ("bad", "job.failed")]
        assert await found(replace(FAILURES, job_id=failed.id)) == [("bad", "job.failed")]
        assert len(await found(EventFilter(types=frozenset({"job.completed", "job.failed"})))) == 4
        assert len(await page(EventFilter(job_id=failed.id), limit=1)) == 1
        assert await found(EventFilter(job_id="none")) == []


async def test_an_event_is_found_by_its_moment_also_where_others_were_removed(tmp_path):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        assert await store.events.before(START) == 0
        for number in range(40):
            await store.record(news(f"t{number}"))
            clock.advance(timedelta(minutes=1))
        with sqlite3.connect(tmp_path / DATABASE) as db:
            db.execute("DELETE FROM events WHERE seq BETWEEN 11 AND 60")
        db.close()
        for minute in range(41):
            last = [*range(1, 11), *range(61, 81)]
            expected = max((seq for seq in last if (seq - 1) // 2 < minute), default=0)
            assert await store.events.before(START + timedelta(minutes=minute)) == expected
            assert await store.events.before(START + timedelta(minutes=minute - 1, seconds=1)) == expected


def plan(db, statement, **parameters):
    return " | ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))


async def test_no_page_scans_what_it_does_not_answer(tmp_path):
    async with opened(tmp_path) as store:
        sql = store.events._queries._sql
    span = {"after": 0, "before": 9, "limit": 5, "types": None, "job": "x"}
    with sqlite3.connect(tmp_path / DATABASE) as db:
        for name in ("rising", "falling"):
            given = plan(db, sql[name], **span)
            assert "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in given
            assert "TEMP B-TREE" not in given
            failures = plan(db, sql[f"failures_{name}"], **span)
            assert "USING INDEX events_failed" in failures
            assert "TEMP B-TREE" not in failures
        assert "SEARCH e USING INDEX events_once (job=?)" in plan(db, sql["of_job"], **span)
    db.close()


async def test_a_database_of_an_earlier_version_learns_to_find_failures(tmp_path):
    tmp_path.chmod(0o700)
    with sqlite3.connect(tmp_path / DATABASE) as db:
        migrate(db, migrations()[:2])
    db.close()
    async with opened(tmp_path, migrations=migrations()[:2]) as store:
        await stored(store, 2)
        failed = await store.record(news("bad", JobState.FAILED))
    async with opened(tmp_path) as store:
        ((_, event),) = await store.events.rising(FAILURES, limit=9)
        assert event == failed.events[-1]
