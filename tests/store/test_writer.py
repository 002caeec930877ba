import asyncio
import sqlite3

import pytest
from fakes.stored_news import opened

from kling_daemon.store import StoreUnavailableError
from kling_daemon.store.connection import open_writer
from kling_daemon.store.writer import GROUP_LIMIT, Writer


class Ledger:
    """An operation that notes its groups, and cannot take a payload twice."""

    def __init__(self):
        self.groups = []

    def __call__(self, db, units):
        self.groups.append(list(units))
        for unit in units:
            db.execute("INSERT INTO ledger (entry) VALUES (?)", (unit,))
        return [f"took {unit}" for unit in units]


@pytest.fixture
async def connection(tmp_path):
    async with open_writer(tmp_path / "test.db") as connection:
        await connection.transact(lambda db: db.execute("CREATE TABLE ledger (entry TEXT NOT NULL UNIQUE) STRICT"))
        yield connection


async def entries(connection):
    return await connection.transact(lambda db: [row[0] for row in db.execute("SELECT entry FROM ledger")])


async def test_everything_that_waits_while_a_commit_runs_goes_into_the_next(connection):
    commits, ledger = [], Ledger()
    writer = Writer(connection, lambda units, _seconds: commits.append(units))
    async with writer.running():
        results = await asyncio.wait_for(writer.write_all(ledger, [str(number) for number in range(300)]), 10)
    assert results == [f"took {number}" for number in range(300)]
    assert sum(commits) == 300
    assert len(commits) < 10
    assert await entries(connection) == [str(number) for number in range(300)]


async def test_a_group_has_a_limit(connection):
    ledger = Ledger()
    writer = Writer(connection, lambda _units, _seconds: None)
    async with writer.running():
        await writer.write_all(ledger, [str(number) for number in range(GROUP_LIMIT + 10)])
    assert max(len(group) for group in ledger.groups) == GROUP_LIMIT


async def test_a_unit_that_cannot_be_committed_fails_its_own_caller_alone(connection):
    writer, ledger = Writer(connection, lambda _units, _seconds: None), Ledger()
    async with writer.running():
        outcomes = await asyncio.wait_for(
            _each(writer, ledger, ["one", "two", "two", "three"]),
            10,
        )
    assert outcomes == ["took one", "took two", StoreUnavailableError, "took three"]
    assert await entries(connection) == ["one", "two", "three"]


async def _each(writer, operation, payloads):
    async def one(payload):
        try:
            return await writer.write(operation, payload)
        except StoreUnavailableError as error:
            return type(error)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(payload)) for payload in payloads]
    return [task.result() for task in running]


async def test_cancelling_a_waiter_does_not_cancel_its_unit(connection):
    writer, ledger = Writer(connection, lambda _units, _seconds: None), Ledger()
    async with writer.running():
        async with asyncio.TaskGroup() as tasks:
            waiter = tasks.create_task(writer.write(ledger, "kept"))
            tasks.create_task(_cancel(waiter))
        await writer.write(ledger, "after")
    assert await entries(connection) == ["kept", "after"]


async def _cancel(task):
    task.cancel()


async def test_what_waits_when_the_writer_stops_is_committed_and_later_units_are_refused(connection):
    writer, ledger = Writer(connection, lambda _units, _seconds: None), Ledger()
    async with asyncio.TaskGroup() as tasks, writer.running():
        waiting = [tasks.create_task(writer.write(ledger, str(number))) for number in range(5)]
        await asyncio.sleep(0)
    assert [task.result() for task in waiting] == [f"took {number}" for number in range(5)]
    with pytest.raises(StoreUnavailableError, match="stopping"):
        await writer.write(ledger, "late")


async def test_a_failing_operation_leaves_no_transaction_open(connection):
    def broken(db, _units):
        db.execute("INSERT INTO ledger (entry) VALUES ('half')")
        raise ValueError("not today")

    writer, ledger = Writer(connection, lambda _units, _seconds: None), Ledger()
    async with writer.running():
        with pytest.raises(ValueError, match="not today"):
            await writer.write(broken, "x")
        await writer.write(ledger, "next")
    assert await entries(connection) == ["next"]


async def test_a_database_that_cannot_commit_is_an_obstacle_until_it_can_again(tmp_path):
    async with opened(tmp_path) as store:
        connection = store._writer._connection
        assert store.obstacles() == ()
        await connection.run(lambda: connection.raw.execute("PRAGMA query_only = ON"))
        with pytest.raises(StoreUnavailableError, match="readonly"):
            await store.drop_hints(["t1"])
        assert store.obstacles() == ("the database cannot commit",)
        await connection.run(lambda: connection.raw.execute("PRAGMA query_only = OFF"))
        await store.drop_hints(["t1"])
        assert store.obstacles() == ()


async def test_every_commit_is_synced(tmp_path):
    async with opened(tmp_path) as store:
        connection = store._writer._connection
        assert await connection.run(lambda: connection.raw.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert await connection.run(lambda: connection.raw.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


async def test_a_transaction_waits_for_another_program_that_writes_without_blocking_anybody(tmp_path, connection):
    ledger, writer = Ledger(), Writer(connection, lambda _units, _seconds: None)
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with writer.running(), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(writer.write(ledger, "late"))
        for _ in range(5):
            await asyncio.sleep(0.02)  # the loop goes on
        assert not waiting.done()
        other.execute("COMMIT")
    other.close()
    assert await entries(connection) == ["late"]


async def test_a_transaction_that_is_cancelled_during_its_commit_leaves_none_open(connection):
    committing = asyncio.Event()

    def work(db):
        db.execute("INSERT INTO ledger (entry) VALUES ('cut off')")
        committing.set()

    async with asyncio.TaskGroup() as tasks:
        cut_off = tasks.create_task(connection.transact(work))
        await committing.wait()
        cut_off.cancel()
    assert not connection.raw.in_transaction
    assert await entries(connection) in ([], ["cut off"])
