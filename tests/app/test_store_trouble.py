"""While the store cannot commit, nobody is told that something was received; when it can again, all goes on."""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from fakes.dispatching import until
from fakes.running_daemon import PATH, SECRET_TEXT, free_port, signature

from kling_daemon.clock import SystemClock

PROGRAM = """
import asyncio, resource, sys
from pathlib import Path
from kling_daemon.app import run_daemon
from kling_daemon.config import load
from kling_daemon.telemetry import configure_logging
configure_logging("json", "info")
settings = load(Path(sys.argv[1]), {"KLING_WEBHOOK_SECRETS": sys.argv[2]}).settings_or_raise()
asyncio.run(run_daemon(settings, (), ()))
"""


@pytest.fixture
async def process(tmp_path):
    """A daemon in a process of its own, whose files can be kept from growing."""
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(
        f'[store]\ndirectory = "{tmp_path}/state"\n[receiver]\nlisten = "127.0.0.1:{port}"\n'
        f'[api]\nlisten = "unix:{tmp_path}/api.sock"\n[log]\nformat = "json"\n'
    )
    log = tmp_path / "log"
    with log.open("wb") as err:
        running = subprocess.Popen([sys.executable, "-c", PROGRAM, str(config), SECRET_TEXT], stderr=err)  # noqa: ASYNC220
    try:
        await until(lambda: b'"ready"' in log.read_bytes() or running.poll() is not None)
        assert running.poll() is None, log.read_text()
        yield Process(running, f"http://127.0.0.1:{port}", log)
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0, log.read_text()


class Process:
    def __init__(self, running, url, log):
        self.running = running
        self.url = url
        self.log = log

    def limit_files(self, size):
        """Have every file of the process stop growing at this size, as on a full disk; `RLIM_INFINITY` frees them."""
        resource.prlimit(self.running.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    async def post(self, number):
        body = json.dumps({"id": f"t{number}", "status": "succeeded", "update_time": 1}).encode()
        headers = {"Content-Type": "application/json", **signature(body, SystemClock(), webhook_id=f"m{number}")}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{PATH}", data=body, headers=headers) as answer,
        ):
            return answer.status, answer.headers.get("Retry-After")


async def test_a_full_disk_is_answered_503_until_there_is_room_and_nothing_answered_200_is_lost(process, tmp_path):
    database = tmp_path / "state" / "kling.db"
    assert await process.post(0) == (200, None)
    process.limit_files(4096)
    answers = [await process.post(number) for number in range(1, 6)]
    assert answers == [(503, "5")] * 5
    process.limit_files(resource.RLIM_INFINITY)
    assert await process.post(6) == (200, None)
    assert tasks(database) == ["t0", "t6"]
    assert await process.post(3) == (200, None)
    assert tasks(database) == ["t0", "t3", "t6"]
    assert "Traceback" not in process.log.read_text()


def tasks(database: Path) -> list[str]:
    reader = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return sorted(task_id for (task_id,) in reader.execute("SELECT task_id FROM jobs"))
    finally:
        reader.close()
