"""A database that an earlier version has left comes up to date with everything that is in it."""

import pytest
from fakes.earlier_states import EARLIER, ClockOfThen, restore, rows_of
from fakes.stored_news import opened

from kling_daemon.store import DATABASE
from kling_daemon.store.migrate import migrations

SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
PROMISED = "SELECT seq, event, notice, handler, job FROM deliveries ORDER BY seq"
IN_MOTION = {"deliveries", "schema_history"}
"""Leases are voided at each start; everything else is left as it was, or added to."""


@pytest.fixture(params=EARLIER)
def earlier(request, tmp_path):
    return restore(request.param, tmp_path)


async def upgraded(directory):
    async with opened(directory, clock=ClockOfThen(directory)):
        pass


async def test_it_has_the_schema_of_a_new_one(earlier, tmp_path_factory):
    """So no migration that somebody may have applied already is ever changed."""
    await upgraded(earlier)
    new = tmp_path_factory.mktemp("new")
    async with opened(new):
        pass
    assert rows_of(earlier, SCHEMA) == rows_of(new, SCHEMA)
    assert rows_of(earlier, "PRAGMA user_version") == [(len(migrations()),)]
    assert rows_of(earlier, "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(earlier, "PRAGMA foreign_key_check") == []


async def test_nothing_in_it_is_lost(earlier):
    def held():
        return {(table, row) for table in tables for row in rows_of(earlier, f"SELECT * FROM {table}")}  # noqa: S608

    tables = {name for (name,) in rows_of(earlier, TABLES)} - IN_MOTION
    before, promised = held(), rows_of(earlier, PROMISED)
    assert "jobs" in tables
    await upgraded(earlier)
    assert held() >= before
    assert rows_of(earlier, PROMISED) == promised


async def test_there_is_a_way_back(earlier):
    (schema,), jobs = rows_of(earlier, "PRAGMA user_version")[0], rows_of(earlier, "SELECT * FROM jobs")
    await upgraded(earlier)
    copies = list(earlier.glob("kling.schema-*.db"))
    if schema == len(migrations()):
        assert copies == []
        return
    copies[0].replace(earlier / DATABASE)
    assert rows_of(earlier, "PRAGMA user_version") == [(schema,)]
    assert rows_of(earlier, "SELECT * FROM jobs") == jobs


async def test_everything_in_it_can_be_read(earlier):
    async with opened(earlier, clock=ClockOfThen(earlier)) as store:
        jobs = await store.read.jobs(limit=500)
        events = await store.read.events(limit=500)
        deliveries = await store.read.deliveries(limit=500)
        assert len(jobs) == rows_of(earlier, "SELECT count(*) FROM jobs")[0][0]
        assert len(events) == rows_of(earlier, "SELECT count(*) FROM events")[0][0]
        assert len(deliveries) == rows_of(earlier, "SELECT count(*) FROM deliveries")[0][0]
        for _, job in jobs:
            told = [event for _, event in events if event.job_id == job.id]
            assert told[-1].job == job
