import sqlite3

import pytest
from fakes.stored_news import all_of, news, opened

from kling_daemon.jobs import JobState
from kling_daemon.store import AmbiguousReferenceError


async def test_a_job_is_found_by_its_own_id_else_klings_id_else_its_external_id(tmp_path):
    async with opened(tmp_path) as store:
        job = (await store.record(news("t1", external_id="order-1"))).job
        for reference in (job.id, "t1", "order-1"):
            assert await store.read.job(reference) == job
        assert await store.read.job("nothing") is None


async def test_a_reference_that_fits_two_jobs_is_ambiguous(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_all([news("t1", external_id="same"), news("t2", external_id="same")])
        with pytest.raises(AmbiguousReferenceError):
            await store.read.job("same")


async def test_pages_follow_each_other_without_gap_or_repetition_while_rows_come(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_all([news(f"t{number}") for number in range(5)])
        first = await store.read.jobs(limit=2)
        await store.record(news("t5"))
        second = await store.read.jobs(limit=10, before=first[-1][0])
        assert [job.task_id for _, job in [*first, *second]] == ["t4", "t3", "t2", "t1", "t0"]


async def test_counts_are_by_state_and_type(tmp_path):
    async with opened(tmp_path) as store:
        await store.record_all([news("t1"), news("t2", JobState.PROCESSING)])
        assert await store.read.job_counts() == {"succeeded": 1, "processing": 1}
        assert await store.read.event_counts() == {"job.status_changed": 2, "job.completed": 1}
        assert await all_of(store.read.jobs, state=JobState.PROCESSING) != []


async def test_the_readers_connection_cannot_write(tmp_path):
    async with opened(tmp_path) as store:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await store.read._connection.execute("DELETE FROM jobs")
