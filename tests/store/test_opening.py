import sqlite3
import stat

import pytest
from fakes.stored_news import news, opened

from kling_daemon.store import StoreError, StoreLockedError
from kling_daemon.store.migrate import migrate, migrations
from kling_daemon.store.store import DATABASE


async def test_a_second_daemon_is_kept_out_and_told_why(tmp_path):
    async with opened(tmp_path):
        with pytest.raises(StoreLockedError, match="another kling-daemon is running"):
            async with opened(tmp_path):
                pass
    async with opened(tmp_path):
        pass


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b", "ä b"])
async def test_the_directory_may_have_any_name(tmp_path, name):
    async with opened(tmp_path / name) as store:
        await store.record(news())
        assert len(await store.read.jobs(limit=2)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_everything_is_its_owners_alone(tmp_path):
    directory = tmp_path / "state"
    async with opened(directory) as store:
        await store.record(news())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in directory.iterdir()}
        assert set(modes.values()) == {0}, modes
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path):
    async with opened(tmp_path):
        pass
    with sqlite3.connect(tmp_path / DATABASE) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(StoreError, match=r"schema 999.*newer version"):
        async with opened(tmp_path):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / DATABASE).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=str(tmp_path / DATABASE)):
        async with opened(tmp_path):
            pass


async def test_a_state_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made"):
        async with opened(tmp_path / "file" / "state"):
            pass


def test_migrations_are_numbered_without_a_gap_and_leave_their_number():
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    assert db.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    migrate(db)
    db.close()


def test_every_table_is_strict():
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    tables = [(name, strict) for _, name, kind, *_, strict in db.execute("PRAGMA table_list") if kind == "table"]
    assert {name for name, strict in tables if not strict} <= {"sqlite_schema", "sqlite_temp_schema"}
    db.close()


@pytest.mark.parametrize(
    "two_rows",
    [
        "(1,'a',1,'job.completed','succeeded',NULL,0,''), (2,'b',1,'job.failed','failed',NULL,0,'')",
        "(1,'a',1,'job.status_changed','x',NULL,0,''), (2,'b',1,'job.status_changed','x',NULL,0,'')",
    ],
)
def test_the_schema_itself_refuses_a_second_end_and_a_repeated_state(two_rows):
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO events VALUES {two_rows}")  # noqa: S608 - rows of this test's own
    db.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was():
    whole = migrations()
    db = sqlite3.connect(":memory:", isolation_level=None)
    broken = (len(whole) + 1, "CREATE TABLE t (x); SELECT nothing;")
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, [*whole, broken])
    assert db.execute("PRAGMA user_version").fetchone() == (len(whole),)
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 't'").fetchone() == (0,)
    db.close()
