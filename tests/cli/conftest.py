"""A running local API, and the command line pointed at it."""

import asyncio
import json
import os

import pytest
from click.testing import CliRunner
from fakes.local_api import local_api
from structlog.testing import capture_logs

from kling_daemon.cli import main


@pytest.fixture
async def api(tmp_path):
    with capture_logs():  # the daemon is in this process here, and its log is not what the verbs print
        async with local_api(tmp_path / "state") as running:
            yield running


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Type a command where no daemon or configuration of this machine is found."""
    for name in [name for name in os.environ if name.startswith(("KLING_", "STATE_DIRECTORY", "CREDENTIALS_"))]:
        monkeypatch.delenv(name)
    for name, folder in (("HOME", "home"), ("XDG_RUNTIME_DIR", "run"), ("XDG_STATE_HOME", "xdg")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)

    def invoke(*words, **given):
        return CliRunner().invoke(main, [str(word) for word in words], prog_name="kling-daemon", **given)

    return invoke


@pytest.fixture
def ask(api, typed):
    """Type a command to the running daemon; a thread, since the command runs a loop of its own."""

    async def invoke(*words, with_env=None, **given):
        env = with_env or {"KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": api.target.token}
        return await asyncio.to_thread(typed, *words, env=env, **given)

    return invoke


@pytest.fixture
def ask_json(ask):
    """Type a command with --json, and read what it prints."""

    async def invoke(*words, exit_code=0):
        result = await ask(*words, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    return invoke
