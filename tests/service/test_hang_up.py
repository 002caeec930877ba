"""SIGHUP: kept until somebody listens, passed on to the loop, and a stop where it tells that the terminal is gone."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from fakes.dispatching import PATIENCE, until

from kling_daemon.service import HangUp


@pytest.fixture
def hang_up():
    before = signal.getsignal(signal.SIGHUP)
    yield HangUp()
    signal.signal(signal.SIGHUP, before)


async def test_what_came_before_anybody_listened_is_told_and_what_comes_afterwards_is_not(hang_up):
    told = []
    os.kill(os.getpid(), signal.SIGHUP)
    with hang_up.told_to(lambda: told.append("early")):
        await until(lambda: told == ["early"])
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    assert told == ["early"]


async def test_each_signal_is_told_on_the_loop(hang_up):
    told = []
    with hang_up.told_to(lambda: told.append(asyncio.get_running_loop())):
        for number in range(1, 4):
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda number=number: len(told) == number)
    assert told == [asyncio.get_running_loop()] * 3


def test_a_daemon_in_the_foreground_stops_in_order_when_its_terminal_is_closed(tmp_path):
    config = tmp_path / "kling.toml"
    config.write_text('[receiver]\nlisten = "127.0.0.1:0"\n[api]\nlisten = "127.0.0.1:0"\n[log]\nformat = "json"\n')
    terminal, ours = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kling_daemon", "run", "--config", str(config)],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdin=ours, stdout=ours, stderr=ours, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no thread of ours forks meanwhile
    )  # fmt: skip
    os.close(ours)
    try:
        with open(terminal, encoding="utf-8") as screen:  # noqa: PTH123 - a descriptor is no path
            while json.loads(screen.readline())["event"] != "ready":
                pass
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
