"""The demo as it is typed: a process that starts two more."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.json_schemas import violations

from kling_daemon.cli.local_answers import DemoModel

COMMAND = (sys.executable, "-m", "kling_daemon", "demo", "--jobs=12")


@pytest.fixture
def environ(tmp_path):
    """The environment of a user who has settings of his own, none of which the demo must touch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KLING_", "COVERAGE"))}
    (tmp_path / "tmp").mkdir()
    own = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm", "LANG": "C.UTF-8"}
    return {**kept, **own, "KLING_DAEMON_STORE__DIRECTORY": "/nonexistent", "KLING_API_KEY": "sk-real"}


def left_behind(environ):
    return sorted(str(path.relative_to(environ["TMPDIR"])) for path in Path(environ["TMPDIR"]).rglob("*"))


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_succeeds_and_leaves_the_results_and_nothing_else(environ, tmp_path):
    results = tmp_path / "results"
    words = ("--json", f"--directory={results}")
    done = subprocess.run([*COMMAND, *words], env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert violations(DemoModel, told) == []
    assert told["succeeded"]
    assert told["jobs"] == {
        "total": 12,
        "states": {"succeeded": 9, "failed": 3},
        "reasons": {"moderation": 2, "input": 1},
    }
    assert told["callbacks"]["lost"] > 0
    assert told["callbacks"]["doubled"] > 0
    assert told["events"]["types"]["job.completed"] == told["deliveries"]["archive"]["done"] == 9
    assert told["deliveries"]["journal"]["done"] == told["events"]["total"]
    assert all(file["same_at_kling"] and Path(file["path"]).is_relative_to(results) for file in told["files"])
    assert f"The results are in {results}" in done.stderr
    assert left_behind(environ) == []


def test_on_a_terminal_there_is_a_live_table_and_then_a_summary(environ):
    ours, its = pty.openpty()
    with subprocess.Popen([*COMMAND, "--keep"], env=environ, stdout=its, stderr=its, stdin=its) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # how Linux tells that the other end is closed
                break
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 0, text
    assert "◐" in text
    assert "jobs           12: 9 succeeded, 3 failed" in text
    assert "Every job has exactly one terminal event, and every handler got every event." in text
    kept = re.search(r"Configuration, database and logs are in (\S+)", text)[1]
    assert {"config.toml", "daemon.log", "simulator.log", "state"} <= {path.name for path in Path(kept).iterdir()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_processes_and_clears_away(environ, number):
    with subprocess.Popen(COMMAND, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        introduction = [process.stdout.readline() for _ in range(3)]
        pids = [int(re.search(r"process (\d+)", line)[1]) for line in introduction[:2]]
        assert all(map(exists, pids))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == f"Ended by {number.name}; both processes have ended too.\n"
    assert not any(map(exists, pids))
    assert left_behind(environ) == []


def test_both_processes_end_also_when_the_demo_is_killed(environ):
    with subprocess.Popen(COMMAND, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        introduction = [process.stdout.readline() for _ in range(3)]
        pids = [int(re.search(r"process (\d+)", line)[1]) for line in introduction[:2]]
        ends = [os.pidfd_open(pid) for pid in pids]
        process.kill()
    for end in ends:
        readable, _, _ = select.select([end], [], [], 30)
        os.close(end)
        assert readable


def test_a_process_that_dies_is_told_with_its_last_log_lines(environ):
    with subprocess.Popen(COMMAND, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        introduction = [process.stdout.readline() for _ in range(3)]
        simulator, daemon = (int(re.search(r"process (\d+)", line)[1]) for line in introduction[:2])
        os.kill(daemon, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = errors.splitlines()
    assert lines[-1] == "Error: The daemon ended by signal 9. Its last log lines are above."
    assert any("ready" in line for line in lines[:-1])
    assert not exists(simulator)
    assert left_behind(environ) == []


def test_a_directory_that_cannot_be_made_is_told_at_once(environ, tmp_path):
    (tmp_path / "file").touch()
    words = (f"--directory={tmp_path / 'file' / 'results'}",)
    done = subprocess.run([*COMMAND, *words], env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Error: Not a directory: {tmp_path / 'file' / 'results'}\n"
    assert left_behind(environ) == []
