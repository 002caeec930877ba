"""A database in use is copied and verified before a newer schema changes it; without room or with flaws nothing is."""

import resource
import sqlite3
import stat
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from fakes.stored_news import news, opened

from kling_daemon import __version__
from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, StoreError
from kling_daemon.store.migrate import migrate, migrations
from kling_daemon.store.safety_copy import KEPT, make_safety_copy
from kling_daemon.testing.clock import START, ManualClock

NEXT = len(migrations()) + 1
NEWER = [*migrations(), (NEXT, "CREATE TABLE later (x); DELETE FROM jobs")]


def connected(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def copies(directory):
    return sorted(path.name for path in directory.glob("kling.schema-*"))


def version_of(path):
    with connected(path) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


@pytest.fixture
async def used(tmp_path):
    """A state directory whose database knows one job."""
    async with opened(tmp_path) as store:
        await store.record(news())
    return tmp_path


@contextmanager
def files_no_larger_than(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_database_in_use_is_copied_before_it_is_changed(used):
    async with opened(used, migrations=NEWER) as store:
        assert await store.read.jobs(limit=2) == []
    assert version_of(used / DATABASE) == NEXT
    (name,) = copies(used)
    assert name == f"kling.schema-{NEXT - 1}.{START:%Y%m%dT%H%M%S}000Z.db"
    copy = used / name
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert version_of(copy) == NEXT - 1
    with connected(copy) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (1,)


async def test_the_copy_takes_the_place_of_the_database_on_the_way_back(used):
    async with opened(used, migrations=NEWER):
        pass
    (name,) = copies(used)
    (used / name).replace(used / DATABASE)
    async with opened(used) as store:
        assert len(await store.read.jobs(limit=2)) == 1


async def test_a_new_database_and_one_that_is_up_to_date_are_not_copied(used):
    async with opened(used):
        pass
    assert copies(used) == []


async def test_of_the_copies_the_last_ones_are_kept_and_other_files_left_alone(used):
    clock, steps = ManualClock(), list(migrations())
    (used / "kling.schema-mine.db").touch()
    for _ in range(KEPT + 1):
        steps.append((len(steps) + 1, "SELECT 1"))
        clock.advance(timedelta(days=1))
        async with opened(used, migrations=steps, clock=clock):
            pass
    schemas = [name.split(".")[1] for name in copies(used)]
    assert set(schemas) == {*(f"schema-{NEXT + each}" for each in range(KEPT)), "schema-mine"}


async def test_an_unfinished_copy_of_a_crash_is_replaced(used):
    for name in ("kling.copying", "kling.copying-journal"):
        (used / name).write_bytes(b"half of a copy")
    async with opened(used, migrations=NEWER):
        pass
    assert len(copies(used)) == 1
    assert not list(used.glob("kling.copying*"))


def test_without_room_nothing_is_changed_and_the_operator_is_told(used):
    with connected(used / DATABASE) as db:

        def copy(version):
            make_safety_copy(db, used, version=version, at=START, free=lambda _directory: 1024**2)

        with pytest.raises(StoreError, match=r"no room .* 1 MiB are free; nothing was changed"):
            migrate(db, NEWER, before=copy)
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
    assert version_of(used / DATABASE) == NEXT - 1
    assert copies(used) == []


async def test_a_disk_that_fills_while_it_is_copied_refuses_the_start_and_leaves_nothing(used):
    with (
        files_no_larger_than(64 * 1024),
        pytest.raises(StoreError, match=r"cannot be written .* nothing was changed"),
    ):
        async with opened(used, migrations=NEWER):
            pass
    assert version_of(used / DATABASE) == NEXT - 1
    assert copies(used) == []
    assert not list(used.glob("kling.copying*"))


async def test_a_damaged_database_is_not_migrated(used):
    with connected(used / DATABASE) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_by_task'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with (used / DATABASE).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    with pytest.raises(StoreError, match="damaged"):
        async with opened(used, migrations=NEWER):
            pass
    assert version_of(used / DATABASE) == NEXT - 1
    assert copies(used) == []


async def test_a_newer_schema_is_refused_with_the_version_that_made_it_and_what_to_do(used):
    async with opened(used, migrations=NEWER):
        pass
    with connected(used / DATABASE) as db:
        db.execute("UPDATE schema_history SET version = '7.1' WHERE number = ?", (NEXT,))
    before = (used / DATABASE).read_bytes()
    with pytest.raises(StoreError) as refused:
        async with opened(used):
            pass
    message = str(refused.value)
    assert f"schema {NEXT}, made by kling-daemon 7.1; this is kling-daemon {__version__}" in message
    assert "Install kling-daemon 7.1 or newer again" in message
    assert f"kling.schema-{NEXT - 1}.TIME.db" in message
    assert (used / DATABASE).read_bytes() == before


async def test_a_database_of_the_first_schema_of_all_comes_up_to_date(tmp_path):
    with connected(tmp_path / DATABASE) as db:
        migrate(db, migrations()[:1])
    async with opened(tmp_path) as store:
        await store.record(news())
        assert len(await store.read.jobs(limit=2)) == 1


async def test_what_was_open_before_the_upgrade_can_be_overdue_after_it(tmp_path):
    async with opened(tmp_path, migrations=migrations()[:5]) as store:
        await store.record(news("t1", JobState.PROCESSING, created_at=START))
    async with opened(tmp_path) as store:
        assert await store.read.overdue_count(START) == 1
