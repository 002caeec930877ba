import asyncio
import os
import pty
import sys

import pytest
from fakes.local_api import TOKEN, local_api

from kling_daemon.bus import Bus
from kling_daemon.cli.following import follow
from kling_daemon.client import Daemon
from kling_daemon.config import UnixAddress
from kling_daemon.jobs import JobState


class WatchedBus(Bus):
    """A bus that tells when a request waits for the end of a job."""

    def __init__(self):
        super().__init__()
        self.subscribed = asyncio.Event()

    def subscribe(self, types, **given):
        self.subscribed.set()
        return super().subscribe(types, **given)


async def test_a_daemon_that_restarts_is_waited_for(tmp_path):
    address, bus = UnixAddress(path=tmp_path / "api.sock"), WatchedBus()
    async with asyncio.TaskGroup() as tasks:
        async with local_api(tmp_path, address=address, bus=bus) as api:
            job, target = await api.make_job(), api.target
            following = tasks.create_task(_follow(target, job), name="follow")
            await bus.subscribed.wait()
        async with local_api(tmp_path, address=address) as api:
            await api.report(job, JobState.SUCCEEDED)
            await asyncio.wait([following])
    assert following.result().jobs[job.id].state is JobState.SUCCEEDED


async def _follow(target, job):
    async with Daemon(target) as daemon:
        return await follow(daemon, [job.id], None, live=False)


async def test_a_daemon_that_never_answered_is_not_waited_for(tmp_path):
    async with local_api(tmp_path) as api:
        target, job = api.target, await api.make_job()
    assert list((await _follow(target, job)).errors) == [job.id]


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED])
async def test_on_a_terminal_the_table_lives_and_what_stays_is_complete(tmp_path, end):
    async with local_api(tmp_path) as api:
        job = await api.make_job()
        leader, follower = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kling_daemon", "jobs", "wait", job.id,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "160",
                 "KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": TOKEN},
            stdout=follower,
        )  # fmt: skip
        os.close(follower)
        shown = b""
        while b"queued" not in shown:
            shown += await asyncio.to_thread(os.read, leader, 10_000)
        await api.report(job, end)
        code = await process.wait()
        shown = await asyncio.to_thread(os.read, leader, 100_000)
        os.close(leader)
    assert code == (0 if end is JobState.SUCCEEDED else 1)
    assert f"{end}".encode() in shown.splitlines()[-1]
