"""A damaged page: who needs it is refused, what does not is kept, and nothing is written from then on."""

import re
import sqlite3
from contextlib import closing

import pytest
from fakes.stored_news import news, opened, record_all

from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, StoreUnavailableError

PAGE = 4096


def leaves_of_index(database):
    """Return the numbers of the pages that are full of task ids, as the leaves of an index of them are alone."""
    content = database.read_bytes()
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    return [number for number, page in enumerate(pages, 1) if len(set(re.findall(rb"t\d{5}", page))) > 80]


def overwrite(path, pages):
    with path.open("r+b") as file:
        for number in pages:
            file.seek((number - 1) * PAGE)
            file.write(b"\xff" * PAGE)


@pytest.fixture
async def large(tmp_path):
    """A database of which no page is in memory or in the log."""
    async with opened(tmp_path) as store:
        await record_all(store, [news(f"t{number:05}", JobState.PROCESSING) for number in range(3000)])
    return tmp_path


async def test_a_group_that_meets_a_damaged_page_is_refused_as_far_as_it_needs_it_and_leaves_no_half(large):
    database = large / DATABASE
    async with opened(large) as store:
        leaves = leaves_of_index(database)
        assert len(leaves) > 10
        overwrite(database, leaves[5:-5])
        pieces = [news(f"t{number:05}") for number in range(0, 3000, 100)]
        outcomes = await store.record_each(pieces)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert failed
        assert all(isinstance(outcome, StoreUnavailableError) for outcome in failed)
        assert any("malformed: it is damaged" in str(outcome) for outcome in failed)
        (obstacle,) = store.obstacles()
        assert obstacle.startswith("nothing is written to the database any more: database disk image is malformed")
        with pytest.raises(StoreUnavailableError, match="nothing is written"):
            await store.record(news("another"))
        kept = {piece.report.task_id for piece, one in zip(pieces, outcomes, strict=True) if one not in failed}
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT task_id FROM jobs NOT INDEXED WHERE state = 'succeeded'").fetchall()
        assert {task_id for (task_id,) in rows} == kept


async def test_what_a_reader_finds_damaged_stops_the_writer_too(large):
    async with opened(large) as store:
        overwrite(large / DATABASE, range(10, (large / DATABASE).stat().st_size // PAGE))
        assert store.obstacles() == ()
        with pytest.raises(StoreUnavailableError, match="malformed"):
            await store.read.jobs(limit=500)
        with pytest.raises(StoreUnavailableError, match="nothing is written"):
            await store.record(news("another"))
