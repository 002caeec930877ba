"""How many requests to Kling it takes to bring overdue jobs to their end."""

import asyncio
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from load import BrokenError
from servers import PATIENCE, daemon

from kling_daemon.clock import SystemClock
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import KlingClient
from kling_daemon.reports import Report
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.simulator import Simulator
from kling_daemon.simulator.spans import Span
from kling_daemon.store import News, Store
from kling_daemon.testing import ManualClock

JOBS = 1_000
_PATH = "/text-to-video/kling-3.0"
_AT_ONCE = Span.exactly(timedelta(0))


def measure() -> int:
    """Return how many queries a daemon sends that finds so many jobs overdue, each of which has ended at Kling."""
    return asyncio.run(_measure())


async def _measure() -> int:
    settings = SimulatorSettings(submitted=_AT_ONCE, processing=_AT_ONCE, video_slots=0)
    simulator = Simulator(settings)
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        directory = Path(name)
        async with simulator.serve() as url:
            await _seed(directory / "state", await _create(url, settings.api_key))
            sections = f'[kling]\nbase_url = "{url}"\n'
            with daemon(directory, sections=sections, environment={"KLING_API_KEY": settings.api_key}):
                await asyncio.to_thread(_wait_for_ends, directory / "state" / "kling.db")
                return int(simulator.stats()["requests"]["query"])


async def _create(url: str, api_key: str) -> list[Report]:
    """Create the tasks as another program would, and return what Kling says of each."""
    clock = SystemClock()
    async with KlingClient(url, ApiKey(key=api_key), clock=clock, max_requests_per_second=10_000) as client:
        return [
            await client.create(_PATH, json.dumps({"prompt": f"number {number}"}).encode()) for number in range(JOBS)
        ]


async def _seed(directory: Path, reports: list[Report]) -> None:
    """Have the jobs known since yesterday, so that by now all of them are overdue."""
    async with Store.open(directory, clock=ManualClock(SystemClock().now() - timedelta(days=1))) as store:
        await store.record_each([News(report=report, adopt=True) for report in reports])


def _wait_for_ends(database: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        while db.execute("SELECT count(*) FROM jobs WHERE state = 'succeeded'").fetchone() != (JOBS,):
            if time.monotonic() > deadline:
                raise BrokenError(f"not all of {JOBS} overdue jobs came to their end")
            time.sleep(0.05)


def rows(requests: int) -> list[tuple[str, str, str, str]]:
    """Return the line of the table: what, measured, wanted, and the figures behind it."""
    figures = "lists of 500 at the start, then batches of 20"
    return [(f"requests to Kling for {JOBS:,} overdue jobs", f"{requests}", "at most 60", figures)]
