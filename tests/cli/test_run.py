import asyncio
import json
import signal
import socket
import sys

import pytest

from kling_daemon.client import Daemon, find_daemon
from kling_daemon.clock import SystemClock
from kling_daemon.store import Store


def write(path, directory, api="127.0.0.1:0", receiver="127.0.0.1:0"):
    path.write_text(
        f'[receiver]\nlisten = "{receiver}"\n[api]\nlisten = "{api}"\n'
        f'[store]\ndirectory = "{directory}"\n[log]\nformat = "json"\n'
    )
    return path


async def start(config, tmp_path):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kling_daemon", "run", "--config", str(config),
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def lines_until(process, event):
    async for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == event:
            return entry
    pytest.fail(f"the daemon ended before it said {event!r}")


async def test_a_daemon_runs_is_talked_to_and_stops_on_sigterm(tmp_path):
    path = tmp_path / "api.sock"
    config = write(tmp_path / "kling.toml", tmp_path / "state", api=f"unix:{path}")
    process = await start(config, tmp_path)
    ready = await lines_until(process, "ready")
    assert ready["api"] == f"unix:{path}"
    async with Daemon(find_daemon(None, config, {"HOME": str(tmp_path)})) as daemon:
        assert (await daemon.jobs()).items == []
    process.send_signal(signal.SIGTERM)
    _, rest = await process.communicate()
    assert process.returncode == 0, rest
    assert not path.exists()


async def test_bad_configuration_is_78_and_nothing_is_started(typed, tmp_path):
    (tmp_path / "config.toml").write_text('[poller]\ninterval = 15\n[stor]\ndirectory = "x"\n')
    result = await asyncio.to_thread(typed, "run")
    assert result.exit_code == 78
    assert "poller.interval" in result.stderr
    assert "did you mean 'store'" in result.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


async def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for given in ({"api": f"127.0.0.1:{port}"}, {"receiver": f"127.0.0.1:{port}"}):
            process = await start(write(tmp_path / "kling.toml", tmp_path / "state", **given), tmp_path)
            _, errors = await process.communicate()
            assert process.returncode == 1
            last = errors.decode().splitlines()[-1]
            assert last.startswith(f"Error: cannot listen on 127.0.0.1:{port}: ")
            assert "Traceback" not in errors.decode()


async def test_a_second_daemon_in_the_same_folder_is_one_clear_line(tmp_path):
    async with Store.open(tmp_path / "state", clock=SystemClock()):
        process = await start(write(tmp_path / "kling.toml", tmp_path / "state"), tmp_path)
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in errors.decode()


async def test_a_token_that_everybody_can_read_is_one_clear_line(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "api-token").write_text("t" * 43)
    (state / "api-token").chmod(0o644)
    process = await start(write(tmp_path / "kling.toml", state), tmp_path)
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "can be read by everybody" in errors.decode().splitlines()[-1]
    assert "t" * 43 not in errors.decode()


async def test_what_is_doubtful_is_logged_at_the_start_and_keeps_nobody_from_it(tmp_path):
    config = write(tmp_path / "kling.toml", tmp_path / "state")
    config.write_text(config.read_text().replace("[receiver]", '[receiver]\npublic_url = "http://kling.example.com"'))
    process = await start(config, tmp_path)
    warning = await lines_until(process, "doubtful configuration")
    assert warning["key"] == "receiver.public_url"
    assert warning["level"] == "warning"
    await lines_until(process, "ready")
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("verb", [["run"], ["config", "check"]])
async def test_a_public_key_without_its_extra_is_bad_configuration_that_says_what_to_install(tmp_path, verb):
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "cryptography.py").write_text("raise ModuleNotFoundError\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kling_daemon", *verb,
        env={
            "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "missing"),
            "KLING_WEBHOOK_SECRETS": f"console:whpk_{'A' * 43}=",
        },
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 78
    assert "trust.secrets.console: " in errors.decode()
    assert "pip install 'kling-daemon[asymmetric]'" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert not (tmp_path / ".local").exists()


async def test_a_daemon_without_public_keys_needs_no_cryptography(tmp_path):
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "cryptography.py").write_text("raise ModuleNotFoundError\n")
    config = write(tmp_path / "kling.toml", tmp_path / "state")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kling_daemon", "run", "--config", str(config),
        env={
            "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "missing"),
            "KLING_WEBHOOK_SECRETS": "console:whsec_c2hvcnRzaG9ydA==",
        },
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    warned = await lines_until(process, "doubtful configuration")
    assert warned["key"] == "trust.secrets.console"
    await lines_until(process, "ready")
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
