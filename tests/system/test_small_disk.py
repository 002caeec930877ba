"""A disk that fills up under the real daemon: people are refused before callbacks, and nothing taken is lost."""

import pytest
from fakes.daemon_process import Machine
from fakes.kling_caller import NEW_VIDEO
from fakes.signed_callbacks import SignedCallbacks, stored_tasks
from fakes.small_disk import MIB, small_disk

pytestmark = pytest.mark.integration

RESERVE = 4 * MIB


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", size=16 * MIB, options=",nr_inodes=400") as disk:
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


async def test_people_are_refused_first_then_callbacks_and_all_goes_on_once_there_is_room(machine, disk):
    order = ("submit", NEW_VIDEO, "--prompt", "a lighthouse", "--idempotency-key")
    async with machine.daemon() as daemon:
        callbacks = SignedCallbacks()
        first = daemon.typed(*order, "first")
        assert first.status == 0, first.err

        disk.fill(but=RESERVE - MIB)
        refused = daemon.typed(*order, "second")
        assert refused.status == 1
        assert (
            "the disk of the state directory is nearly full: 3 MiB are free, and 4 MiB (store.reserve)" in refused.err
        )
        assert daemon.typed(*order, "first").out == first.out  # what was taken before is no new job
        assert await callbacks.post(daemon) == 200
        health = daemon.typed("health")
        assert health.status == 1
        assert "not ready: new jobs are refused: the disk of the state directory is nearly full" in health.out
        told = await daemon.until_said("notice raised", kind="store.space")
        assert str(disk.mounted_at) in told["message"]

        disk.fill()
        while await callbacks.post(daemon, size=20_000) == 200:
            pass
        assert [await callbacks.post(daemon, size=100_000) for _ in range(20)] == [503] * 20
        health = daemon.typed("health")
        assert "kling.db cannot commit: database or disk is full: its disk is full, make room there" in health.out
        assert callbacks.promised <= stored_tasks(machine.state)

        disk.make_room()
        assert await callbacks.post(daemon) == 200
        assert daemon.typed("health").out == "ready\n"
        second = daemon.typed(*order, "second")
        assert second.status == 0, second.err
        await daemon.until_said("notice cleared", kind="store.space")
        assert callbacks.promised <= stored_tasks(machine.state)
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
    async with machine.daemon() as daemon:
        assert callbacks.promised <= {job["task_id"] for job in await daemon.jobs()}


async def test_a_daemon_that_starts_on_a_full_disk_says_so_and_starts_once_there_is_room(machine, disk):
    disk.fill()
    refused = machine.typed("run", "--config", machine.config)
    assert refused.status == 1
    assert refused.err.splitlines()[-1].startswith("Error: ")
    assert "make room" in refused.err
    assert "Traceback" not in refused.err
    disk.make_room()
    async with machine.daemon() as daemon:
        callbacks = SignedCallbacks()
        assert await callbacks.post(daemon) == 200
        assert await daemon.stop() == 0
    disk.fill()
    refused = machine.typed("run", "--config", machine.config)
    assert (refused.status, "make room" in refused.err, "Traceback" in refused.err) == (1, True, False), refused.err
    disk.make_room()
    async with machine.daemon() as daemon:
        assert [job["task_id"] for job in await daemon.jobs()] == [*callbacks.promised]


async def test_inodes_that_run_out_are_people_s_trouble_first_and_no_callback_s(machine, disk):
    order = ("submit", NEW_VIDEO, "--prompt", "a lighthouse")
    callbacks = SignedCallbacks()
    async with machine.daemon() as daemon:
        disk.use_up_inodes(but=10)
        refused = daemon.typed(*order)
        assert refused.status == 1
        assert "the disk of the state directory can take only 10 more files (its inodes are used up)" in refused.err
        disk.use_up_inodes()
        assert [await callbacks.post(daemon) for _ in range(5)] == [200] * 5
        assert await daemon.stop() == 0
    disk.use_up_inodes()
    refused = machine.typed("run", "--config", machine.config)
    assert refused.status == 1
    assert "its disk can take no more files (its inodes are used up), remove some there" in refused.err
    assert "Traceback" not in refused.err
    disk.free_inodes()
    async with machine.daemon() as daemon:
        assert {job["task_id"] for job in await daemon.jobs()} == callbacks.promised
        assert daemon.typed(*order).status == 0


async def test_a_read_only_file_system_is_told_of_at_the_start(machine, disk):
    callbacks = SignedCallbacks()
    async with machine.daemon() as daemon:
        assert await callbacks.post(daemon) == 200
        assert await daemon.stop() == 0
    disk.allow_writing(allowed=False)
    refused = machine.typed("run", "--config", machine.config)
    assert refused.status == 1
    assert f"{disk.mounted_at}/state cannot be written to; check owner, mode and mount" in refused.err
    assert "Traceback" not in refused.err
    disk.allow_writing(allowed=True)
    async with machine.daemon() as daemon:
        assert {job["task_id"] for job in await daemon.jobs()} == callbacks.promised
