"""What a million open jobs cost: choosing those that are due, starting, memory, and pages for people."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from cores import halves
from load import BrokenError

from kling_daemon.client import Daemon, Target
from kling_daemon.clock import SystemClock, to_millis
from kling_daemon.jobs import Generation, JobState
from kling_daemon.poller.poller import BATCH
from kling_daemon.reports import Report, Source
from kling_daemon.store import DATABASE, News, Store
from kling_daemon.store.connection import open_reader
from kling_daemon.store.due import Due

FEW, MANY = 1_000, 1_000_000
_ROUNDS = 5
_QUESTIONS = 30
_PATIENCE = 60


@dataclass(slots=True)
class Standing:
    """What was measured over one state directory."""

    starts: list[float] = field(default_factory=list)
    """Seconds from the command to `ready`."""
    resident: list[int] = field(default_factory=list)
    """Bytes, once it rests."""
    jobs_page: list[float] = field(default_factory=list)
    """Seconds; the first fifty of `jobs list`, through the API."""
    events_page: list[float] = field(default_factory=list)
    choosing: list[float] = field(default_factory=list)
    """Seconds; which jobs are due, as the poller finds out."""
    reading: list[float] = field(default_factory=list)
    """Seconds; the same, and all that is known of them."""


@dataclass(frozen=True, slots=True)
class Million:
    """All of it: an empty daemon, one with a few open jobs, one with many, and the guides' dict."""

    jobs: int
    empty: Standing
    few: Standing
    many: Standing
    dict_seconds: float
    dict_bytes: int


def measure(jobs: int = MANY) -> Million:
    """Measure with so many open jobs; the three state directories take turns."""
    empty, few, many = Standing(), Standing(), Standing()
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        places = {Path(name) / "empty": (0, empty), Path(name) / "few": (FEW, few), Path(name) / "many": (jobs, many)}
        for directory, (number, _) in places.items():
            asyncio.run(_seed(directory, number))
        for _ in range(_ROUNDS):
            for directory, (_, standing) in places.items():
                _run(directory, standing)
        for directory, (number, standing) in places.items():
            if number:
                asyncio.run(_choose(directory, standing))
    guides = _guides(jobs)
    return Million(jobs, empty, few, many, guides["seconds"], int(guides["bytes"]))


async def _seed(directory: Path, jobs: int) -> None:
    """Make a state directory in which so many jobs are open, none of them due before tomorrow."""
    now = SystemClock().now()
    async with Store.open(directory, clock=SystemClock()) as store:
        if jobs:
            await store.record(News(report=_report(now), adopt=True))
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as db:
        if jobs:
            _multiply(db, jobs, tomorrow=to_millis(now + timedelta(days=1)))


def _report(now: datetime) -> Report:
    return Report(
        task_id="first",
        external_id="first",
        generation=Generation.NEW,
        endpoint="/text-to-video/kling-3.0",
        state=JobState.PROCESSING,
        reason=None,
        message="",
        outputs=(),
        cost=(),
        created_at=now,
        updated_at=now,
        received_at=now,
        source=Source.CALLBACK,
    )


def _multiply(db: sqlite3.Connection, jobs: int, *, tomorrow: int) -> None:
    """Copy the one job that the daemon has recorded, with its event: to record each would take minutes."""
    changed = {
        "seq": "seq + n",
        "id": "printf('%08x-0000-5000-8000-%012x', n, n)",
        "task_id": "printf('%018d', 700000000000000000 + n)",
        "external_id": "printf('%036d', n)",
        "poll_at": f"{tomorrow} + (n * 7919) % {jobs}",
    }
    db.execute("BEGIN")
    _copy(db, "jobs", jobs - 1, changed)
    _copy(db, "events", jobs - 1, {"seq": "seq + n", "id": "printf('%036d', n)", "job": "job + n"})
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(db: sqlite3.Connection, table: str, times: int, changed: dict[str, str]) -> None:
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    columns = ", ".join(changed.get(name, name) for name in names)
    db.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "  # noqa: S608 - ours
        f"INSERT INTO {table} SELECT {columns} FROM numbers, {table} WHERE seq = 1",
        (times,),
    )


def _run(directory: Path, standing: Standing) -> None:
    """Start the daemon as a user does, and look at it from outside."""
    began = time.perf_counter()
    with _daemon(directory) as process:
        standing.starts.append(time.perf_counter() - began)
        standing.resident.append(_resting(process.pid))
        asyncio.run(_ask(directory, standing))


@contextmanager
def _daemon(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `kling-daemon run`; entered when it is ready."""
    environment = {
        **os.environ,
        "KLING_API_KEY": "bench",
        "KLING_DAEMON_KLING__BASE_URL": "http://127.0.0.1:9",
        "KLING_DAEMON_STORE__DIRECTORY": str(directory),
        "KLING_DAEMON_RECEIVER__LISTEN": "127.0.0.1:0",
        "KLING_DAEMON_API__LISTEN": f"unix:{directory / 'api.sock'}",
        "KLING_DAEMON_LOG__FORMAT": "json",
    }
    command = [Path(sys.executable).with_name("kling-daemon"), "run"]
    with subprocess.Popen(command, env=environment, cwd=directory, stderr=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, halves()[0])
        try:
            assert process.stderr is not None
            if not any(re.search(r'"event": ?"ready"', line) for line in process.stderr):
                raise BrokenError("the daemon did not start")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def _resting(pid: int) -> int:
    """Return the resident bytes once they have stopped changing."""
    deadline, before = time.monotonic() + _PATIENCE, -1
    while (now := _resident(pid)) != before:
        if time.monotonic() > deadline:
            raise BrokenError("the daemon's memory does not come to rest")
        before = now
        time.sleep(0.5)
    return now


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def _ask(directory: Path, standing: Standing) -> None:
    token = (directory / "api-token").read_text().strip()
    target = Target(url=f"unix:{directory / 'api.sock'}", token=token, token_from="the bench")
    async with Daemon(target) as daemon:
        standing.jobs_page.append(await _timed(lambda: daemon.jobs(limit=50)))
        standing.events_page.append(await _timed(lambda: daemon.list_events(limit=50)))


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(_QUESTIONS):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


async def _choose(directory: Path, standing: Standing) -> None:
    """Have a batch of jobs fall due, scattered over all, and read it as the poller does."""
    now = SystemClock().now()
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as db:
        (jobs,) = db.execute("SELECT count(*) FROM jobs").fetchone()
        due = [1 + number * jobs // BATCH for number in range(BATCH)]
        db.executemany("UPDATE jobs SET poll_at = ? WHERE seq = ?", [(to_millis(now) - seq, seq) for seq in due])
    async with open_reader(directory / DATABASE) as reading:
        work = Due(reading, account="default")
        for _ in range(_QUESTIONS):
            began = time.perf_counter()
            chosen = await work.due_polls(now, BATCH)
            standing.choosing.append(time.perf_counter() - began)
            found = await work.jobs_to_poll(chosen, now)
            standing.reading.append(time.perf_counter() - began)
            if len(found) != BATCH:
                raise BrokenError(f"{len(found)} jobs were chosen, not {BATCH}")


def _guides(jobs: int) -> dict[str, float]:
    command = [sys.executable, Path(__file__).with_name("guides.py"), f"{jobs}", f"{BATCH}"]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


def rows(found: Million) -> list[tuple[str, str, str, str]]:
    """Return the lines of the table: what, measured, wanted, and the figures behind it."""
    many, few, empty = found.many, found.few, found.empty
    chosen, name = median(many.choosing), f"{found.jobs:,} open jobs"
    grown = max(median(many.resident) - median(empty.resident), 1)
    return [
        _row(
            f"choosing the {BATCH} due of {name} / of {FEW:,}",
            many.choosing,
            few.choosing,
            wanted="at most 3",
            unit="ms",
            scale=1000,
        ),
        _row(
            f"choosing and reading the {BATCH} due of {name} / of {FEW:,}",
            many.reading,
            few.reading,
            wanted="at most 3",
            unit="ms",
            scale=1000,
        ),
        _row(f"start to ready with {name} / empty", many.starts, empty.starts, wanted="at most 1.2", unit="s", scale=1),
        _row(
            f"memory at rest with {name} / empty",
            many.resident,
            empty.resident,
            wanted="at most 1.2",
            unit="MB",
            scale=1e-6,
        ),
        _row(
            f"a page of jobs of {name} / of {FEW:,}",
            many.jobs_page,
            few.jobs_page,
            wanted="at most 3",
            unit="ms",
            scale=1000,
        ),
        _row(
            f"a page of events of {name} / of {FEW:,}",
            many.events_page,
            few.events_page,
            wanted="at most 3",
            unit="ms",
            scale=1000,
        ),
        (
            "scanning the guides' dict / choosing",
            f"{found.dict_seconds / chosen:.0f}",
            "at least 30",
            f"{found.dict_seconds * 1000:.1f} / {chosen * 1000:.1f} ms",
        ),
        (
            f"memory that {name} add / that the guides' dict adds",
            f"{grown / found.dict_bytes:.3f}",
            "at most 0.1",
            f"{grown / 1e6:.0f} / {found.dict_bytes / 1e6:.0f} MB",
        ),
    ]


def _row(
    name: str, many: Sequence[float], few: Sequence[float], *, wanted: str, unit: str, scale: float
) -> tuple[str, str, str, str]:
    above, below = median(many), median(few)
    return name, f"{above / below:.2f}", wanted, f"{above * scale:.1f} / {below * scale:.1f} {unit}"
