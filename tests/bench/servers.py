"""Starts what is measured, each in a process of its own on the servers' cores, and stops it."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cores import halves
from load import SECRET, BrokenError

HERE = Path(__file__).parent
PATIENCE = 60


@dataclass(slots=True)
class Server:
    """One server under load."""

    port: int
    received: dict[str, float] = field(default_factory=dict)
    """When each task's callback had been read, by the monotonic clock; filled at the end."""
    called: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """For each handler, after the end: which task's event it was given, and when by the monotonic clock."""


@contextmanager
def bare() -> Iterator[Server]:
    """Run the yardstick."""
    port = _free_port()
    with _process("bare.py", str(port)) as process:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BrokenError("the bare server did not start")
            time.sleep(0.02)
        yield Server(port)


@contextmanager
def daemon(
    directory: Path, *, commit_each: bool = False, sections: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run the daemon as shipped, with two handlers, over a state directory; its end fills `received` and `called`."""
    port, config, calls = _free_port(), directory / "config.toml", directory / "calls"
    secret = directory / "secret"
    secret.write_text(f"whsec_{SECRET}")
    secret.chmod(0o600)
    config.write_text(
        f'[store]\ndirectory = "{directory / "state"}"\n'
        f'[receiver]\nlisten = "127.0.0.1:{port}"\n'
        f'[api]\nlisten = "unix:{directory / "api.sock"}"\n'
        f'[trust.secrets]\nmain = {{ file = "{secret}" }}\n{sections}'
    )
    with (
        (directory / "log").open("w") as log,
        _process("subject.py", config, calls, *(["--commit-each"] if commit_each else []), log=log, more=environment)
        as process,
    ):  # fmt: skip
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise BrokenError(f"the daemon did not start:\n{(directory / 'log').read_text()}")
        server = Server(port)
        yield server
        process.send_signal(signal.SIGTERM)
        if process.wait(PATIENCE) != 0:
            raise BrokenError(f"the daemon did not stop cleanly:\n{(directory / 'log').read_text()}")
    seen = json.loads(calls.read_text())
    server.received, server.called = seen["received"], seen["called"]


@contextmanager
def fresh_daemon(*, commit_each: bool = False, must_know: list[str]) -> Iterator[Server]:
    """Run the daemon over a new state directory, and insist at its end that it knows what it answered for."""
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        directory = Path(name)
        with daemon(directory, commit_each=commit_each) as server:
            yield server
        check_rows(directory / "state" / "kling.db", must_know)


def check_rows(database: Path, task_ids: list[str]) -> None:
    """Insist that every answered callback has its callback row, its ended job, two events and two deliveries."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        ended = {row[0] for row in db.execute("SELECT task_id FROM jobs WHERE state = 'succeeded'")}
        missing = [task_id for task_id in task_ids if task_id not in ended]
        if missing:
            raise BrokenError(f"{len(missing)} of {len(task_ids)} answered callbacks are in no job, first {missing[0]}")
        for table, each in {"callbacks": 1, "reports": 1, "events": 2, "deliveries": 2}.items():
            (rows,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our own names
            if rows != each * len(ended):
                raise BrokenError(f"{rows} rows in {table} for {len(ended)} jobs; there must be {each} for each")


@contextmanager
def _process(
    script: str, *arguments: str | Path, log: object = None, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    cores, _ = halves()
    process = subprocess.Popen(
        [sys.executable, HERE / script, *arguments],
        stdout=subprocess.PIPE,
        stderr=log,  # type: ignore[arg-type]
        env={**os.environ, **(more or {})},
    )
    # Threads that it starts later inherit the cores.
    os.sched_setaffinity(process.pid, cores)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
