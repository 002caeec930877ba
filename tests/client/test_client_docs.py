"""The programs of docs/client.md are run as they stand there, each in a process of its own."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.daemon_process import ENVIRONMENT
from fakes.dispatching import until
from fakes.local_api import local_api

from kling_daemon.api.cursors import to_cursor
from kling_daemon.jobs import JobState

DOCS = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
WAITING, LISTENING = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)


@asynccontextmanager
async def running(program, api, folder):
    place = folder / "program.py"
    place.write_text(program)
    environment = {
        **ENVIRONMENT, "HOME": str(folder), "PYTHONUNBUFFERED": "1",
        "KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": api.target.token,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(place), stdout=PIPE, stderr=PIPE, cwd=folder, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_first_program_waits_for_its_job(tmp_path):
    async with local_api(tmp_path / "state") as api, running(WAITING, api, tmp_path) as process:
        jobs = []

        async def submitted():
            jobs[:] = [job for _, job in await api.store.read.jobs(limit=9)]
            return bool(jobs)

        await until(submitted)
        assert jobs[0].tags == {"shot": "7"}
        await api.report(jobs[0], JobState.FAILED, message="no")
        out, err = await process.communicate()
        assert (out.decode().split(), err) == ([jobs[0].id, "failed", "None", "no"], b"")


async def test_the_second_program_listens_and_goes_on_after_its_own_restart(tmp_path):
    async with local_api(tmp_path / "state") as api:
        for number in range(2):
            async with running(LISTENING, api, tmp_path) as process:
                if number == 0:
                    await until(lambda: api.tail.listeners == 1)
                job = await api.make_job()
                await api.report(job, JobState.SUCCEEDED)
                async with asyncio.timeout(20):
                    line = (await process.stdout.readline()).decode()
                assert line.split() == ["job.completed", job.id, "succeeded"]
                place, latest = tmp_path / "last-event", to_cursor(await api.store.events.latest())
                await until(lambda place=place, latest=latest: place.exists() and place.read_text() == latest)
