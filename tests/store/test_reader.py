import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from fakes.stored_news import all_of, callback, news, opened, record_all

from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, AmbiguousReferenceError, JobFilter, Reader
from kling_daemon.store.connection import open_reader
from kling_daemon.store.statements import Statements


async def test_a_job_is_found_by_its_own_id_else_klings_id_else_its_external_id(tmp_path):
    async with opened(tmp_path) as store:
        job = (await store.record(news("t1", external_id="order-1"))).job
        for reference in (job.id, "t1", "order-1"):
            assert await store.read.job(reference) == job
        assert await store.read.job("nothing") is None


async def test_a_reference_that_fits_two_jobs_is_ambiguous(tmp_path):
    async with opened(tmp_path) as store:
        await record_all(store, [news("t1", external_id="same"), news("t2", external_id="same")])
        with pytest.raises(AmbiguousReferenceError):
            await store.read.job("same")


async def test_pages_follow_each_other_without_gap_or_repetition_while_rows_come(tmp_path):
    async with opened(tmp_path) as store:
        await record_all(store, [news(f"t{number}") for number in range(5)])
        first = await store.read.jobs(limit=2)
        await store.record(news("t5"))
        second = await store.read.jobs(limit=10, before=first[-1][0])
        assert [job.task_id for _, job in [*first, *second]] == ["t4", "t3", "t2", "t1", "t0"]


async def test_counts_are_by_state_and_type(tmp_path):
    async with opened(tmp_path) as store:
        await record_all(store, [news("t1"), news("t2", JobState.PROCESSING)])
        assert await store.read.job_counts() == {"succeeded": 1, "processing": 1}
        assert await store.read.event_counts() == {"job.status_changed": 2, "job.completed": 1}
        assert (await store.read.job_pages.falling(JobFilter(state=JobState.PROCESSING), limit=9))[0] != []


async def test_a_connection_for_reading_cannot_write(tmp_path):
    async with opened(tmp_path), open_reader(tmp_path / DATABASE) as reading:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reading.execute("DELETE FROM jobs")


async def test_kept_callbacks_tell_their_digest_their_job_and_how_often_they_came(tmp_path):
    async with opened(tmp_path) as store:
        twice, once = (replace(news(task), callback=callback(task.encode())) for task in ("t1", "t2"))
        job = (await store.record(twice)).job
        await record_all(store, [twice, once])
        first, second = await all_of(store.read.callbacks)
        assert (first.job_id, first.count, second.count) == (job.id, 2, 1)
        assert first.digest == hashlib.sha256(b"t1").hexdigest()[:32]
        assert await store.read.callbacks(limit=10, after=first.id) == [second]


async def test_a_state_directory_is_read_from_outside_whether_a_daemon_runs_or_not(tmp_path):
    async with opened(tmp_path) as store:
        await store.record(news())
        async with Reader.of(tmp_path) as outside:
            assert await outside.job_counts() == {"succeeded": 1}
    async with Reader.of(tmp_path) as outside:
        assert await outside.job_counts() == {"succeeded": 1}
        assert await outside.flaws() == []


async def test_damage_is_found_and_told(tmp_path):
    async with opened(tmp_path) as store:
        await store.record(news())
    with sqlite3.connect(tmp_path / DATABASE) as db:
        db.execute("PRAGMA writable_schema = ON")
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events_once'").fetchone()
        db.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = 'jobs_by_task'", (page,))
    db.close()
    async with Reader.of(tmp_path) as outside:
        assert await outside.flaws() != []


async def test_deliveries_of_a_job_and_dead_ones_are_found_without_reading_the_others(tmp_path):
    async with opened(tmp_path):
        pass
    given, sql = dict.fromkeys(("before", "state", "handler", "job", "limit")), Statements("reader")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        for name, index in (("deliveries_of_job", "deliveries_once (event=?)"), ("dead_deliveries", "deliveries_dead")):
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql[name]}", given)]
            assert plan[0] == "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)", plan
            assert any(index in step for step in plan), plan
