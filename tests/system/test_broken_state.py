"""A state directory in trouble, at the start and under the running daemon: clear words, no 2xx that is not kept."""

import asyncio
import copy
import os
import shutil
import signal
import subprocess

import pytest
from fakes.daemon_process import Machine
from fakes.kling_caller import NEW_VIDEO
from fakes.signed_callbacks import SignedCallbacks, stored_tasks

OBEYING = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
"""Has root, too, obey the modes of files."""


def set_up(home):
    """Return a machine whose daemon finds nobody at Kling's address."""
    machine = Machine(home, {"KLING_API_KEY": "made-up"}, within=OBEYING)
    machine.configure('[kling]\nbase_url = "http://127.0.0.1:9"')
    return machine


@pytest.fixture
def machine(tmp_path):
    return set_up(tmp_path / "home")


async def leave(machine, number):
    """Have a daemon that has taken callbacks, and is ended by a signal."""
    callbacks = SignedCallbacks()
    async with machine.daemon() as daemon:
        assert await callbacks.post_each(daemon, 5) == [200] * 5
        assert await daemon.stop(number) == (0 if number == signal.SIGTERM else -number)
    return machine.state, callbacks


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A state directory that was left in order, and what was promised; each test takes a copy."""
    return asyncio.run(leave(set_up(tmp_path_factory.mktemp("stopped")), signal.SIGTERM))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The same of a daemon that was killed, with its latest commits in the log alone."""
    return asyncio.run(leave(set_up(tmp_path_factory.mktemp("killed")), signal.SIGKILL))


def take_over(machine, left):
    """Give a machine a copy of a state directory that was left; return the callbacks that it must hold."""
    state, callbacks = left
    shutil.copytree(state, machine.state)
    return copy.deepcopy(callbacks)


def refused(machine):
    """Return why a start is refused: in one line, without a traceback."""
    ended = machine.typed("run", "--config", machine.config)
    assert ended.status == 1, ended.err
    assert "Traceback" not in ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    return line


async def goes_on(machine, callbacks):
    """Prove that the daemon starts, has kept all that was promised, and takes more."""
    async with machine.daemon() as daemon:
        assert callbacks.promised <= {job["task_id"] for job in await daemon.jobs()}
        assert await callbacks.post(daemon) == 200
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
    assert callbacks.promised <= stored_tasks(machine.state)


def overwrite(path, content, *, at=0):
    """Write into a file that exists, as a failing disk or a careless person does."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


DAMAGED = "stop the daemon and put a backup in its place, or save what can be read"


async def test_a_database_that_is_damaged_is_refused_with_what_to_do_until_it_is_mended(machine, stopped):
    callbacks = take_over(machine, stopped)
    database = machine.state / "kling.db"
    before = database.read_bytes()
    for harm in (b"this is no database" * 1000, b"\xff" * 100):
        overwrite(database, harm)
        line = refused(machine)
        assert f"the database {database} cannot be used: file is not a database: it is damaged: {DAMAGED}" in line
        overwrite(database, before)
    os.truncate(database, len(before) // 2)
    assert "database disk image is malformed: it is damaged" in refused(machine)
    os.truncate(database, 0)
    assert "is empty, but was used before" in refused(machine)
    database.write_bytes(before)
    await goes_on(machine, callbacks)


async def test_commits_without_the_database_that_they_belong_to_are_not_thrown_away(machine, killed):
    callbacks = take_over(machine, killed)
    database = machine.state / "kling.db"
    before = database.read_bytes()
    beside = "kling.db-wal beside it holds commits that belong to it; nothing was changed"
    os.truncate(database, 0)
    assert "is empty" in (line := refused(machine))
    assert beside in line
    database.unlink()
    assert "is gone" in (line := refused(machine))
    assert beside in line
    database.write_bytes(before)
    await goes_on(machine, callbacks)


@pytest.mark.parametrize("harm", ["in the middle", "cut short", "emptied", "all of it"])
async def test_a_log_that_is_damaged_ends_there_and_what_is_sent_again_is_kept(machine, killed, harm):
    callbacks = take_over(machine, killed)
    log = machine.state / "kling.db-wal"
    size = log.stat().st_size
    match harm:
        case "in the middle":
            overwrite(log, b"\xff" * 100, at=size * 3 // 4)
        case "all of it":
            overwrite(log, b"\xff" * size)
        case _:
            os.truncate(log, size * 3 // 4 if harm == "cut short" else 0)
    async with machine.daemon() as daemon:
        kept = {job["task_id"] for job in await daemon.jobs()}
        assert kept <= callbacks.promised
        assert await callbacks.post_again(daemon) == [200] * len(callbacks.promised)
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
    assert callbacks.promised <= stored_tasks(machine.state)


async def test_what_may_not_be_used_is_named(machine, killed):
    callbacks = take_over(machine, killed)
    for name, mode, words in (
        ("kling.db", 0, "the database {} cannot be opened: Permission denied"),
        ("kling.db", 0o400, "the database {} cannot be opened: Permission denied"),
        ("kling.db-wal", 0, "kling.db cannot be used: unable to open database file: one of its files cannot be opened"),
        (".", 0o500, "the state directory {} cannot be written to; check owner, mode and mount"),
        ("api-token", 0, "{} cannot be read or made: Permission denied"),
        ("capability-key", 0, "{} cannot be read or made: Permission denied"),
    ):
        path = machine.state / name
        before = path.stat().st_mode
        path.chmod(mode)
        try:
            assert words.format(path) in refused(machine)
        finally:
            path.chmod(before)
    await goes_on(machine, callbacks)


async def test_a_secret_of_the_daemons_own_that_is_empty_is_named(machine, stopped):
    callbacks = take_over(machine, stopped)
    for name, words in (
        ("api-token", "must be one word of 32 to 512 ASCII characters"),
        ("capability-key", "is damaged"),
    ):
        path = machine.state / name
        before = path.read_bytes()
        os.truncate(path, 0)
        line = refused(machine)
        assert str(path) in line
        assert words in line
        path.write_bytes(before)
    await goes_on(machine, callbacks)


async def test_a_database_that_is_emptied_while_in_use_is_noticed_and_gone_on_with_once_it_is_whole(machine):
    callbacks, database = SignedCallbacks(), machine.state / "kling.db"
    async with machine.daemon() as daemon:
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        before = database.read_bytes()
        os.truncate(database, 0)
        assert await callbacks.post_each(daemon, 3) == [503] * 3
        health = daemon.typed("health")
        assert health.status == 1
        assert f"not ready: the database {database} was emptied while in use: stop the daemon and put a" in health.out
        overwrite(database, before)
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        assert daemon.typed("health").out == "ready\n"
        assert await daemon.stop() == 0
    await goes_on(machine, callbacks)


async def test_a_log_that_is_deleted_while_in_use_is_noticed_and_its_commits_are_saved_by_a_stop(machine):
    callbacks = SignedCallbacks()
    async with machine.daemon() as daemon:
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        (machine.state / "kling.db-wal").unlink()
        assert await callbacks.post_each(daemon, 3) == [503] * 3
        assert "or stop the daemon by SIGTERM, which saves what it held" in daemon.typed("health").out
        assert await daemon.stop() == 0
    await goes_on(machine, callbacks)


async def test_pages_that_are_damaged_while_in_use_are_noticed_and_nothing_is_written_from_then_on(machine, stopped):
    callbacks, database = take_over(machine, stopped), machine.state / "kling.db"
    async with machine.daemon() as daemon:
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        before = database.read_bytes()
        overwrite(database, b"\xff" * (len(before) - 4096), at=4096)
        assert await callbacks.post(daemon) == 200  # what it needs is in memory and in the log, and is kept there
        stats = daemon.typed("stats")
        assert (stats.status, "database disk image is malformed" in stats.err) == (1, True)
        assert await callbacks.post_each(daemon, 3) == [503] * 3
        health = daemon.typed("health")
        assert health.status == 1
        assert "not ready: nothing is written to the database any more: database disk image is malformed" in health.out
        assert DAMAGED in health.out
        assert len(daemon.said("the database is damaged")) == 1
        overwrite(database, before)
        assert await callbacks.post(daemon) == 503  # nobody can know that it is sound again
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
    await goes_on(machine, callbacks)


async def test_a_state_directory_that_is_moved_away_is_gone_on_with_when_it_is_back(machine):
    callbacks = SignedCallbacks()
    async with machine.daemon() as daemon:
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        machine.state.rename(machine.home / "elsewhere")
        assert await callbacks.post_each(daemon, 3) == [503] * 3
        (machine.home / "elsewhere").rename(machine.state)
        assert await callbacks.post_each(daemon, 3) == [200] * 3
        assert daemon.typed("health").out == "ready\n"
        assert await daemon.stop() == 0
    await goes_on(machine, callbacks)


async def test_modes_that_are_changed_while_in_use_harm_nobody_or_are_told(machine):
    callbacks, state = SignedCallbacks(), machine.state
    async with machine.daemon() as daemon:
        assert await callbacks.post(daemon) == 200
        for name in ("kling.db", "kling.db-wal", "kling.db-shm"):
            (state / name).chmod(0)
        assert await callbacks.post_each(daemon, 3) == [200] * 3  # the files are open
        state.chmod(0)
        try:
            assert await callbacks.post_each(daemon, 3) == [503] * 3
            lines = [line["error"] for line in daemon.said("no transaction can begin")]
            assert lines == [
                f"the database {state / 'kling.db'} cannot be reached: check its directory's owner and mode"
            ]
        finally:
            state.chmod(0o700)
        assert await callbacks.post(daemon) == 200
        for name in ("kling.db", "kling.db-wal", "kling.db-shm"):
            (state / name).chmod(0o600)
        assert await daemon.stop() == 0
    await goes_on(machine, callbacks)


async def test_a_spool_that_cannot_be_written_to_is_named_and_no_job_is_made(machine):
    order = ("submit", NEW_VIDEO, "--prompt", "a lighthouse", "--idempotency-key", "once")
    async with machine.daemon() as daemon:
        spool = machine.state / "spool"
        spool.mkdir(mode=0o500, exist_ok=True)
        spool.chmod(0o500)
        made = daemon.typed(*order)
        assert made.status == 1
        assert f"nothing was changed: the body cannot be kept in {spool}" in made.err
        assert "Permission denied" in made.err
        assert await daemon.jobs() == []
        spool.chmod(0o700)
        assert daemon.typed(*order).status == 0
        assert await daemon.stop() == 0


def test_setpriv_makes_root_obey_the_modes_of_files(tmp_path):
    (tmp_path / "secret").touch(mode=0)
    assert (
        subprocess.run([*OBEYING, "cat", tmp_path / "secret"], check=False, stderr=subprocess.DEVNULL).returncode == 1
    )
