"""A disk that fills up under the real daemon: people are refused before callbacks, and nothing taken is lost."""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing

import pytest
from fakes.daemon_process import Machine
from fakes.kling_caller import NEW_VIDEO
from fakes.small_disk import MIB, small_disk

pytestmark = pytest.mark.integration

RESERVE = 4 * MIB


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", size=16 * MIB) as disk:
        yield disk


@pytest.fixture
def machine(tmp_path, disk):
    machine = Machine(
        tmp_path / "home", {"KLING_API_KEY": "made-up"}, within=disk.within, state_seen_at=disk.path / "state"
    )
    machine.configure(
        f'[store]\ndirectory = "{disk.mounted_at}/state"\nreserve = "{RESERVE // MIB} MiB"',
        '[kling]\nbase_url = "http://127.0.0.1:9"',
    )
    return machine


class Callbacks:
    """Signed callbacks about ever new tasks, and the answers to them."""

    def __init__(self, daemon, disk):
        self.daemon, self.disk, self.taken, self.number = daemon, disk, set(), 0

    async def post(self, size=2000):
        self.number += 1
        task_id = f"t{self.number}"
        body = json.dumps({"id": task_id, "status": "succeeded", "update_time": 1, "message": "x" * size}).encode()
        answer = await self.daemon.post_signed(body, webhook_id=task_id)
        if answer.status == 200:
            self.taken.add(task_id)
        else:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        return answer.status

    def stored(self):
        """Return the tasks in a copy of the database: SQLite itself cannot look into another mount namespace."""
        with tempfile.TemporaryDirectory() as copy:
            for file in ("kling.db", "kling.db-wal"):
                shutil.copy(self.disk.path / "state" / file, copy)
            with closing(sqlite3.connect(f"{copy}/kling.db")) as reader:
                return {task_id for (task_id,) in reader.execute("SELECT task_id FROM jobs WHERE task_id LIKE 't%'")}


async def test_people_are_refused_first_then_callbacks_and_all_goes_on_once_there_is_room(machine, disk):
    order = ("submit", NEW_VIDEO, "--prompt", "a lighthouse", "--idempotency-key")
    async with machine.daemon() as daemon:
        callbacks = Callbacks(daemon, disk)
        first = daemon.typed(*order, "first")
        assert first.status == 0, first.err

        disk.fill(but=RESERVE - MIB)
        refused = daemon.typed(*order, "second")
        assert refused.status == 1
        assert (
            "the disk of the state directory is nearly full: 3 MiB are free, and 4 MiB (store.reserve)" in refused.err
        )
        assert daemon.typed(*order, "first").out == first.out  # what was taken before is no new job
        assert await callbacks.post() == 200
        health = daemon.typed("health")
        assert health.status == 1
        assert "not ready: new jobs are refused: the disk of the state directory is nearly full" in health.out
        told = await daemon.until_said("notice raised", kind="store.space")
        assert str(disk.mounted_at) in told["message"]

        disk.fill()
        while await callbacks.post() == 200:
            pass
        assert [await callbacks.post(size=100_000) for _ in range(20)] == [503] * 20
        health = daemon.typed("health")
        assert (
            "not ready: the database cannot commit: database or disk is full: its disk is full, make room" in health.out
        )
        assert callbacks.stored() == callbacks.taken

        disk.make_room()
        assert await callbacks.post() == 200
        assert daemon.typed("health").out == "ready\n"
        second = daemon.typed(*order, "second")
        assert second.status == 0, second.err
        await daemon.until_said("notice cleared", kind="store.space")
        assert callbacks.stored() == callbacks.taken
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
    async with machine.daemon() as daemon:
        assert callbacks.taken <= {job["task_id"] for job in await daemon.jobs()}


async def test_a_daemon_that_starts_on_a_full_disk_says_so_and_starts_once_there_is_room(machine, disk):
    disk.fill()
    refused = machine.typed("run", "--config", machine.config)
    assert refused.status == 1
    assert refused.err.splitlines()[-1].startswith("Error: ")
    assert "make room" in refused.err
    assert "Traceback" not in refused.err
    disk.make_room()
    async with machine.daemon() as daemon:
        callbacks = Callbacks(daemon, disk)
        assert await callbacks.post() == 200
        assert await daemon.stop() == 0
    disk.fill()
    refused = machine.typed("run", "--config", machine.config)
    assert (refused.status, "make room" in refused.err, "Traceback" in refused.err) == (1, True, False), refused.err
    disk.make_room()
    async with machine.daemon() as daemon:
        assert [job["task_id"] for job in await daemon.jobs()] == [*callbacks.taken]
