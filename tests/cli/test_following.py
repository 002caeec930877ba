import asyncio
import io
import os
import pty
import sys
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp
import pytest
from fakes.local_api import TOKEN, daemon_and_api, local_api
from rich.console import Console

from kling_daemon.cli.following import AT_A_TIME, follow
from kling_daemon.cli.live_jobs import crowd
from kling_daemon.client import Daemon, DaemonUnreachableError
from kling_daemon.client.connection import Connection
from kling_daemon.client.models import JobModel
from kling_daemon.config import UnixAddress
from kling_daemon.jobs import JobState
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START


class WatchedConnection(Connection):
    """A connection that tells when events are followed."""

    def __init__(self, target):
        super().__init__(target)
        self.followed = asyncio.Event()

    async def stream(self, *given):
        opened = await super().stream(*given)
        self.followed.set()
        return opened


class WatchedDaemon(Daemon):
    """A client that tells when events are followed."""

    def __init__(self, target):
        super().__init__(target)
        self._connection = WatchedConnection(target)
        self.followed = self._connection.followed


async def test_a_daemon_that_restarts_is_waited_for(tmp_path):
    address = UnixAddress(path=tmp_path / "api.sock")
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        async with local_api(tmp_path, address=address) as api:
            job = await api.make_job()
            daemon = await stack.enter_async_context(WatchedDaemon(api.target))
            following = tasks.create_task(follow(daemon, [job.id], None, live=False), name="follow")
            await daemon.followed.wait()
        async with local_api(tmp_path, address=address) as api:
            await api.report(job, JobState.SUCCEEDED)
            await asyncio.wait([following])
    assert following.result().jobs[job.id].state is JobState.SUCCEEDED


async def test_a_daemon_that_never_answered_is_not_waited_for(tmp_path):
    async with local_api(tmp_path) as api:
        target, job = api.target, await api.make_job()
    async with Daemon(target) as daemon:
        with pytest.raises(DaemonUnreachableError):
            await follow(daemon, [job.id], None, live=False)


async def test_two_names_of_one_job_are_both_told(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        await api.report(job, JobState.SUCCEEDED, task_id="t1")
        found = (await follow(daemon, [job.id, "t1", job.id], None, live=False)).found()
        assert [one.id for one in found] == [job.id, job.id]


async def test_many_jobs_are_waited_for_with_a_few_connections(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        jobs = [await api.make_job() for _ in range(400)]
        connections = _Connections()
        client = daemon._connection
        session = aiohttp.ClientSession(
            api.target.url, headers=client._session.headers, trace_configs=[connections.tracing()]
        )
        await client._session.close()
        client._session = await client._open.enter_async_context(session)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow(daemon, [job.id for job in jobs], None, live=False), name="follow")
            for number, job in enumerate(jobs):
                await api.report(job, JobState.FAILED if number == 200 else JobState.SUCCEEDED)
        assert [job.state for job in following.result().found()].count(JobState.SUCCEEDED) == 399
        assert connections.made <= AT_A_TIME + 1


class _Connections:
    """Counts the connections that a client makes."""

    def __init__(self):
        self.made = 0

    def tracing(self):
        config = aiohttp.TraceConfig()
        config.on_connection_create_end.append(self._count)
        return config

    async def _count(self, *_given):
        self.made += 1


def test_of_many_the_sum_and_the_slowest_are_shown():
    now = START + timedelta(minutes=3)
    jobs = {}
    for number in range(100):
        state = [JobState.SUCCEEDED, JobState.PROCESSING, JobState.QUEUED, JobState.FAILED][number % 4]
        job = make_job(id=f"job-{number:03}", state=state, created_at=START + timedelta(seconds=number))
        jobs[job.id] = JobModel.model_validate(job.as_json())
    console = Console(width=120, file=io.StringIO())
    console.print(crowd(jobs, 110, now))
    lines = console.file.getvalue().splitlines()
    assert lines[0].endswith("50 of 110")
    assert lines[1].split("  ") == ["25 queued", "25 processing", "25 succeeded", "25 failed", "10 to come"]
    assert [line.split()[0] for line in lines[4:]] == [f"job-{number:03}" for number in (1, 2, 5, 6, 9, 10, 13, 14)]


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
