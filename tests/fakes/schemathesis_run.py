"""A daemon with all kinds of rows, and schemathesis let loose on it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fakes.dispatching import Witness, configured, until
from fakes.running_daemon import SECRET, RunningDaemon, free_port, running_daemon, trusting

from kling_daemon.plugin import Reject
from kling_daemon.simulator import Simulator, SimulatorSettings

KNOWN = 0.7
"""How often a path names something that there is."""

CONFIG = """
seed = {seed}
continue-on-failure = true
cache.enabled = false
warnings = false
headers = {{ Authorization = "Bearer {token}" }}
request-timeout = 30.0

[generation]
max-examples = {examples}
database = "none"
no-shrink = true

[dictionaries]
jobs.values = {jobs}
deliveries.values = {deliveries}
handlers.values = ["archive", "gone"]
seconds.values = [0, 0.01]

[parameters]
ref = {{ dictionary = "jobs", probability = {known} }}
job = {{ dictionary = "jobs", probability = {known} }}
delivery = {{ dictionary = "deliveries", probability = {known} }}
name = {{ dictionary = "handlers", probability = {known} }}
handler = {{ dictionary = "handlers", probability = {known} }}
timeout = {{ dictionary = "seconds", probability = 1.0 }}

[[operations]]
include-operation-id = "submit_job"
# What no schema can tell is whether Kling has such an endpoint, and takes such a body there.
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 422]
"""


@asynccontextmanager
async def well_used_daemon(directory: Path) -> AsyncIterator[RunningDaemon]:
    """Run a daemon that has jobs in most states, done and dead deliveries, and a handler that is no longer loaded."""

    async def refuse(_item: Any, _context: Any) -> None:
        raise Reject("not wanted")

    archive, grumpy = configured("archive", Witness().open), configured("grumpy", Witness(refuse).open)
    gone = configured("gone", Witness(refuse).open)
    simulator = Simulator(SimulatorSettings(speed=1000.0, fail=2, secrets=(SECRET,)))
    async with running_daemon(
        directory, handlers=[archive, gone], simulator=simulator, called_back=True, trust=trusting()
    ) as daemon:
        made = [await daemon.submit("/text-to-video/kling-3.0", tags={"shot": str(number)}) for number in range(6)]
        for job in made:
            await until(lambda job=job: _ended(daemon, job["id"]))
    nobody = f"http://127.0.0.1:{free_port()}"
    async with running_daemon(directory, handlers=[archive, grumpy], kling=nobody) as daemon:
        for number in range(3):
            await daemon.submit("/v1/videos/text2video", external_id=f"order/{number} ä")
        yield daemon


async def _ended(daemon: RunningDaemon, job: str) -> bool:
    found = await daemon.read.job(job)
    return found is not None and found.state.is_terminal


async def run_schemathesis(daemon: RunningDaemon, folder: Path, *, seed: int, examples: int) -> tuple[int, str]:
    """Try the daemon against its document, and return the exit code and what was found."""
    jobs = [name for job in await daemon.jobs() for name in (job.id, job.external_id, job.task_id) if name]
    deliveries = [str(row.id) for row in await daemon.read.deliveries(limit=100)]
    config = folder / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            seed=seed,
            token=(daemon.directory / "api-token").read_text().strip(),
            examples=examples,
            jobs=sorted(set(jobs)),
            deliveries=deliveries,
            known=KNOWN,
        )
    )
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        program, "--config-file", config, "run", f"http://{daemon.addresses.api}/api/v1/openapi.json",
        "--workers", "1", "--no-color",
        cwd=folder, env={**os.environ, "PYTHONWARNINGS": ""}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
