import asyncio
import itertools
import sqlite3

import pytest
from fakes.stored_news import news, opened
from fakes.troubled_database import full_disk
from structlog.testing import capture_logs

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


class Listener:
    """A hook that adds nothing, and notes in one list what it hears, and whatever else a test appends."""

    def __init__(self):
        self.heard = []

    def before_commit(self, _db):
        self.heard.append("before commit")

    def committed(self):
        self.heard.append("committed")

    def rolled_back(self):
        self.heard.append("rolled back")


def make_writer(connection, hook=None, on_commit=lambda _units, _seconds: None):
    return Writer(connection, hook or Listener(), on_commit)


@pytest.fixture
async def connection(tmp_path):
    async with open_writer(tmp_path / "test.db") as connection:
        await connection.transact(lambda db: db.execute("CREATE TABLE ledger (entry TEXT NOT NULL UNIQUE) STRICT"))
        yield connection


async def entries(connection):
    return await connection.transact(lambda db: [row[0] for row in db.execute("SELECT entry FROM ledger")])


async def test_everything_that_waits_while_a_commit_runs_goes_into_the_next(connection):
    commits, ledger = [], Ledger()
    writer = make_writer(connection, on_commit=lambda units, _seconds: commits.append(units))
    async with writer.running():
        results = await asyncio.wait_for(writer.write_all(ledger, [str(number) for number in range(300)]), 10)
    assert results == [f"took {number}" for number in range(300)]
    assert sum(commits) == 300
    assert len(commits) < 10
    assert await entries(connection) == [str(number) for number in range(300)]


async def test_a_group_has_a_limit(connection):
    ledger = Ledger()
    writer = make_writer(connection)
    async with writer.running():
        await writer.write_all(ledger, [str(number) for number in range(GROUP_LIMIT + 10)])
    assert max(len(group) for group in ledger.groups) == GROUP_LIMIT


async def test_a_unit_that_cannot_be_committed_fails_its_own_caller_alone(connection):
    writer, ledger = make_writer(connection), Ledger()
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
    writer, ledger = make_writer(connection), Ledger()
    async with writer.running():
        async with asyncio.TaskGroup() as tasks:
            waiter = tasks.create_task(writer.write(ledger, "kept"))
            tasks.create_task(_cancel(waiter))
        await writer.write(ledger, "after")
    assert await entries(connection) == ["kept", "after"]


async def _cancel(task):
    task.cancel()


async def test_what_waits_when_the_writer_stops_is_committed_and_later_units_are_refused(connection):
    writer, ledger = make_writer(connection), Ledger()
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

    writer, ledger = make_writer(connection), Ledger()
    async with writer.running():
        with pytest.raises(ValueError, match="not today"):
            await writer.write(broken, "x")
        await writer.write(ledger, "next")
    assert await entries(connection) == ["next"]


async def test_batches_of_one_operation_that_share_a_group_each_get_their_own_results(connection):
    writer, one, other = make_writer(connection), Ledger(), Ledger()
    async with asyncio.TaskGroup() as tasks:
        written = [
            tasks.create_task(writer.write_all(ledger, units))
            for ledger, units in [(one, ["a", "b"]), (other, ["c"]), (one, ["d"]), (one, []), (one, ["e", "f"])]
        ]
        await asyncio.sleep(0)
        await writer.step()
    assert (one.groups, other.groups) == ([["a", "b", "d", "e", "f"]], [["c"]])
    assert [task.result() for task in written] == [
        ["took a", "took b"], ["took c"], ["took d"], [], ["took e", "took f"],
    ]  # fmt: skip


async def test_each_unit_s_outcome_is_a_result_or_a_failure_of_its_own(connection):
    writer, ledger = make_writer(connection), Ledger()
    async with writer.running():
        one, again, other = await writer.write_each(ledger, ["one", "one", "other"])
    assert (one, other) == ("took one", "took other")
    assert isinstance(again, StoreUnavailableError)


@pytest.mark.parametrize("shift", [[], ["one too many"]])
async def test_an_operation_that_loses_count_of_its_results_commits_nothing(connection, shift):
    def miscounting(db, units):
        return [*Ledger()(db, units)[1:], *shift * 2]

    writer = make_writer(connection)
    async with writer.running():
        with pytest.raises(RuntimeError, match="results for 1 units"):
            await writer.write(miscounting, "one")
    assert await entries(connection) == []


async def test_who_waits_goes_on_before_what_the_hook_begins(connection):
    happened = []

    class Follower(Listener):
        def committed(self):
            asyncio.get_running_loop().call_soon(happened.append, "what follows")

    async def wait():
        await writer.write(Ledger(), "one")
        happened.append("who waits")

    writer = make_writer(connection, Follower())
    async with writer.running():
        await wait()
        await writer.write(Ledger(), "two")
    assert happened[:2] == ["who waits", "what follows"]


async def test_the_hook_hears_of_each_unit_of_a_failed_group_before_the_next_one_begins(connection):
    hook = Listener()
    writer, ledger = make_writer(connection, hook, lambda units, _seconds: hook.heard.append(units)), Ledger()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(writer.write_each(ledger, ["one", "one", "other"]))
        await asyncio.sleep(0)
        await writer.step()
    assert hook.heard == [
        "rolled back", "before commit", 1, "committed", "rolled back", "before commit", 1, "committed",
    ]  # fmt: skip
    assert waiting.done()


async def test_what_is_arriving_when_a_large_group_has_been_committed_goes_into_one_group(connection):
    writer, ledger = make_writer(connection), Ledger()
    later = [f"later {number}" for number in range(10)]
    async with writer.running(), asyncio.TaskGroup() as tasks:
        await writer.write_all(ledger, [str(number) for number in range(10)])
        for unit in later:
            tasks.create_task(writer.write(ledger, unit))
            await asyncio.sleep(0)  # one arrives in each turn of the loop
    assert ledger.groups[1:] == [later]


async def test_what_keeps_arriving_does_not_hold_back_a_commit(connection):
    writer, ledger = make_writer(connection), Ledger()
    async with writer.running(), asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        await writer.write_all(ledger, [str(number) for number in range(10)])
        first = tasks.create_task(writer.write(ledger, "first"))
        numbers = itertools.count()
        while not first.done():
            tasks.create_task(writer.write(ledger, f"later {next(numbers)}"))
            await asyncio.sleep(0)
    assert len(ledger.groups[1]) < GROUP_LIMIT


async def test_a_database_that_cannot_commit_is_an_obstacle_until_it_can_again(tmp_path):
    async with opened(tmp_path) as store:
        assert store.obstacles() == ()
        with full_disk(tmp_path), pytest.raises(StoreUnavailableError, match="cannot commit"):
            await store.record(news())
        (obstacle,) = store.obstacles()
        assert "kling.db cannot commit: disk I/O error: its disk fails, or a quota" in obstacle
        await store.record(news())
        assert store.obstacles() == ()


async def test_a_unit_that_is_committed_shows_that_the_database_can_although_another_was_refused(connection):
    def refusing(db, units):
        if "bad" in units:
            raise sqlite3.OperationalError("no room for it")
        return Ledger()(db, units)

    writer = make_writer(connection)
    async with writer.running():
        await writer.write_each(refusing, ["good", "bad"])
        (obstacle,) = writer.obstacles()
        assert obstacle == f"the database {connection.path} cannot commit: no room for it"
        await writer.write_each(refusing, ["bad", "another good one"])
        assert writer.obstacles() == ()


async def test_once_three_units_have_shown_that_the_disk_takes_nothing_the_others_are_not_tried(tmp_path):
    async with opened(tmp_path) as store:
        with full_disk(tmp_path), capture_logs() as lines:
            outcomes = await store.record_each([news(f"t{number}") for number in range(GROUP_LIMIT)])
            assert {str(outcome).partition(":")[0] for outcome in outcomes} == {
                f"the database {tmp_path / 'kling.db'} cannot commit"
            }
            assert [line["units"] for line in lines if line["event"] == "group commit failed"] == [GROUP_LIMIT]
        assert all(not isinstance(outcome, Exception) for outcome in await store.record_each([news("a"), news("b")]))


async def test_every_commit_is_synced(connection):
    assert connection.raw.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_transaction_waits_for_another_program_that_writes_without_blocking_anybody(tmp_path, connection):
    ledger, writer = Ledger(), make_writer(connection)
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
