import sqlite3
from contextlib import AsyncExitStack, closing
from datetime import timedelta

import pytest
from fakes.local_api import local_api

from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, JobFilter, JobPages
from kling_daemon.store.connection import open_reader
from kling_daemon.store.statements import Statements

PATHS = ("/text-to-video/kling-3.0", "/v1/videos/text2video")
STATES = (JobState.QUEUED, JobState.PROCESSING, JobState.SUCCEEDED, JobState.FAILED)
WANTED = [
    JobFilter(),
    *(JobFilter(state=state) for state in STATES),
    JobFilter(endpoint=PATHS[1]),
    JobFilter(tag=("shot", "3")),
    JobFilter(tag=('no.such " one', "x")),
    JobFilter(state=JobState.FAILED, endpoint=PATHS[0], tag=("shot", "1")),
    JobFilter(state=JobState.QUEUED, tag=("shot", "0")),
    JobFilter(model="no such"),
]


@pytest.fixture
async def jobs(tmp_path):
    """Forty jobs of several kinds, some in each state but few of them failed, over an hour."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(local_api(tmp_path))
        made = []
        for number in range(40):
            job = await api.submit(
                PATHS[number % 2], {}, tags={"shot": str(number % 5)} if number % 3 else {}, external_id=None
            )
            state = JobState.FAILED if number in {3, 21, 26} else STATES[number % 3]
            if state is not JobState.QUEUED:
                await api.report(job, state)
            made.append(await api.store.read.job(job.id))
        yield made


async def collected(pages, wanted, limit):
    """Return the jobs of all parts, and how many each part had."""
    found, sizes, before = [], [], None
    while True:
        rows, before = await pages.falling(wanted, limit=limit, before=before)
        found += [job for _, job in rows]
        sizes.append(len(rows))
        if before is None:
            return found, sizes


@pytest.mark.parametrize("window", [1, 3, 7, 1000])
@pytest.mark.parametrize("wanted", WANTED, ids=str)
async def test_the_parts_together_are_exactly_the_jobs_that_are_asked_for(tmp_path, jobs, wanted, window):
    async with open_reader(tmp_path / DATABASE) as connection:
        pages = JobPages(connection, window=window)
        for limit in (1, 4, 500):
            found, sizes = await collected(pages, wanted, limit)
            assert found == [job for job in reversed(jobs) if wanted.takes(job)]
            assert max(sizes) <= limit


async def test_since_is_when_the_daemon_came_to_know_a_job(tmp_path, jobs):
    async with open_reader(tmp_path / DATABASE) as connection:
        pages = JobPages(connection)
        everything = JobFilter(since=jobs[0].created_at - timedelta(days=1))
        assert (await collected(pages, everything, 7))[0] == jobs[::-1]
        nothing = JobFilter(since=jobs[-1].created_at + timedelta(days=1))
        assert await pages.falling(nothing, limit=5) == ([], None)
        rows, _ = await pages.falling(limit=1, before=await pages.before(jobs[20].created_at) + 1)
        assert rows == [] or rows[0][1].created_at <= jobs[20].created_at


@pytest.mark.usefixtures("jobs")
async def test_no_part_looks_at_all_jobs(tmp_path):
    given = dict.fromkeys(
        ("before", "after", "limit", "window", "few", "state", "endpoint", "model", "tag", "tag_value", "least", "rows")
    )
    sql = Statements("job_pages")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:

        def plan(name):
            return " / ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql[name]}", given))

        for name in ("page", "window", "between", "among"):
            assert "SEARCH jobs USING INTEGER PRIMARY KEY (rowid" in plan(name), plan(name)
        assert "INDEX jobs_failed" in plan("failed_rows")
        assert "COVERING INDEX jobs_open (state=?)" in plan("open_rows")
