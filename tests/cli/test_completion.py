import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kling_daemon.cli.completion import SHELLS

BASH = shutil.which("bash")
PRINT = '; _kling_daemon_completion kling-daemon; printf "%s\\n" "${COMPREPLY[@]}"'


async def complete(*words, env=None):
    """Return what a real bash offers after these words, the last of which is not finished."""
    line = " ".join(["kling-daemon", *(f"'{word}'" for word in words)])
    script = f'eval "$(kling-daemon completion bash)"; COMP_WORDS=({line}); COMP_CWORD={len(words)}{PRINT}'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        BASH, "--norc", "-c", script,
        env={"PATH": path, "HOME": "/nonexistent", **(env or {})}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    offered, errors = await process.communicate()
    assert errors == b""
    return offered.decode().split()


@pytest.fixture
def found(api):
    return {"KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": api.target.token}


async def test_bash_completes_verbs_options_and_choices():
    assert {"demo", "deliveries"} <= set(await complete("de"))
    assert {"list", "show", "wait"} <= set(await complete("jobs", ""))
    assert "--state" in await complete("jobs", "list", "--s")
    assert await complete("jobs", "list", "--state", "s") == ["submitted", "succeeded"]


async def test_bash_completes_what_the_daemon_knows(api, found):
    job = await api.make_job()
    assert await complete("explain", job.id[:4], env=found) == [job.id]
    assert await complete("jobs", "wait", job.id, "", env=found) == [job.id]
    assert await complete("handlers", "forget", "", env=found) == ["archive", "forgotten"]
    assert await complete("deliveries", "list", "--handler", "f", env=found) == ["forgotten"]


@pytest.mark.parametrize(
    "env",
    [
        {"KLING_DAEMON_URL": "http://127.0.0.1:1"},
        {"KLING_DAEMON_URL": "no url"},
        {"KLING_DAEMON_CONFIG": "/nonexistent/config.toml"},
    ],
)
async def test_without_a_daemon_nothing_is_offered_and_nothing_said(env):
    assert await complete("jobs", "show", "", env=env) == []


async def test_a_daemon_that_does_not_answer_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert await complete("jobs", "show", "", env={"KLING_DAEMON_URL": f"http://127.0.0.1:{port}"}) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_that_asks_this_program(typed, shell):
    result = typed("completion", shell)
    assert result.exit_code == 0
    assert f"_KLING_DAEMON_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=result.stdout, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_other_shells_are_a_usage_error(typed):
    assert typed("completion", "ksh").exit_code == 2
