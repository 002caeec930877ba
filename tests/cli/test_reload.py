"""A real daemon takes over new webhook secrets between two callbacks, by verb and by SIGHUP, whole or not at all."""

import json
import signal

import pytest
from fakes.daemon_process import Machine
from fakes.plugin_folder import PluginFolder
from fakes.running_daemon import SECRET, SECRET_TEXT, signature

from kling_daemon.clock import SystemClock
from kling_daemon.standard_webhooks import Secret

OTHER_TEXT = "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0"
OTHER = Secret.parse("other", OTHER_TEXT)


HANGS_UP = """
import os, signal
from kling_daemon.plugin import hookimpl

for _ in range(3):
    os.kill(os.getpid(), signal.SIGHUP)

@hookimpl
def kling_job_completed(event):
    pass
"""


class RotatingMachine(Machine):
    """One whose secrets are in files."""

    def secret(self, name, text):
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text)
        return f'secrets.{name} = {{ file = "{path}" }}'

    def write(self, *trust, api="127.0.0.1:0"):
        lines = ("[receiver]", 'listen = "127.0.0.1:0"', "[api]", f'listen = "{api}"', "[trust]", *trust)
        self.config.write_text("\n".join(lines))


@pytest.fixture
def machine(tmp_path):
    machine = RotatingMachine(tmp_path)
    machine.write(machine.secret("old", SECRET_TEXT))
    return machine


async def answer(daemon, secret, number):
    body = b'{"id": "t-%d", "status": "processing", "create_time": 1, "update_time": 1}' % number
    headers = signature(body, SystemClock(), secrets=[secret], webhook_id=f"msg_{number}")
    return (await daemon.post(body, headers=headers)).status


async def test_a_secret_is_rotated_without_a_gap(machine):
    async with machine.daemon() as daemon:
        old = machine.secret("old", SECRET_TEXT)
        assert [await answer(daemon, secret, 1) for secret in (SECRET, OTHER)] == [200, 401]

        machine.write(old, machine.secret("new", OTHER_TEXT))
        told = daemon.typed("reload")
        assert (told.status, told.out, told.err) == (0, "Now in force: trust.secrets.new.\n", "")
        assert [await answer(daemon, secret, 2) for secret in (SECRET, OTHER)] == [200, 200]

        machine.write(machine.secret("new", OTHER_TEXT))
        assert json.loads(daemon.typed("reload", "--json").out)["applied"] == ["trust.secrets.old"]
        assert [await answer(daemon, secret, 3) for secret in (SECRET, OTHER)] == [401, 200]
        for text in (SECRET_TEXT, OTHER_TEXT):
            assert text.removeprefix("whsec_") not in daemon.text


async def test_sighup_does_the_same_and_the_log_tells(machine):
    async with machine.daemon() as daemon:
        machine.secret("old", OTHER_TEXT)  # the same file, another secret in it
        daemon.process.send_signal(signal.SIGHUP)
        assert (await daemon.until_said("reloaded"))["applied"] == ["trust.secrets.old"]
        assert [await answer(daemon, secret, 1) for secret in (SECRET, OTHER)] == [401, 200]
        assert await daemon.stop() == 0


async def test_mistakes_are_78_and_each_is_told(machine):
    async with machine.daemon() as daemon:
        new = machine.secret("new", OTHER_TEXT)
        (machine.home / "new").chmod(0o644)
        machine.write(new, 'tolerance = "soon"')
        told = daemon.typed("reload")
        assert (told.status, told.out) == (78, "")
        assert told.err.startswith("Nothing has changed: the daemon goes on with what it had.\n2 mistakes in ")
        assert "run: chmod 600" in told.err
        assert "trust.tolerance" in told.err
        assert OTHER_TEXT not in told.err + daemon.text
        assert [await answer(daemon, secret, 1) for secret in (SECRET, OTHER)] == [200, 401]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda config: config.write_text("[trust\n"),
        lambda config: config.write_bytes(b"\xff\xfe"),
        lambda config: config.unlink(),
        lambda config: config.write_text("[trust]\nrequire_signature = true\n"),
        lambda config: config.write_text('[handlers.archive]\ntype = "nobody offers this"\n'),
    ],
    ids=["no TOML", "no text", "no file", "a contradiction", "a handler"],
)
async def test_whatever_is_wrong_with_the_file_the_old_secrets_stay(machine, break_it):
    async with machine.daemon() as daemon:
        break_it(machine.config)
        daemon.process.send_signal(signal.SIGHUP)
        refused = await daemon.until_said("reload refused: the old configuration stays")
        assert refused["problems"]
        assert "Traceback" not in daemon.text
        assert await answer(daemon, SECRET, 1) == 200


async def test_what_takes_a_restart_is_named_and_not_applied(machine):
    async with machine.daemon() as daemon:
        machine.write(machine.secret("old", SECRET_TEXT), 'adopt = "none"', api="127.0.0.1:1")
        told = daemon.typed("reload")
        assert told.status == 0
        assert told.out == (
            "Nothing that can change had changed.\n"
            "Changed, but only a restart puts it into force: trust.adopt, api.listen.\n"
        )


async def test_a_signal_in_the_middle_of_the_start_is_neither_fatal_nor_lost(machine):
    PluginFolder(machine.installed).add("early", "early", HANGS_UP)
    async with machine.daemon() as daemon:
        assert (await daemon.until_said("reloaded"))["applied"] == []
        assert await answer(daemon, SECRET, 1) == 200


async def test_a_storm_of_signals_under_load_ends_in_what_was_written_last(machine):
    async with machine.daemon() as daemon:
        for number in range(50):
            machine.secret("old", OTHER_TEXT if number % 2 else SECRET_TEXT)
            daemon.process.send_signal(signal.SIGHUP)
            assert await answer(daemon, SECRET, number) in (200, 401)
        told = daemon.typed("reload")
        assert told.status == 0
        assert [await answer(daemon, secret, 99) for secret in (SECRET, OTHER)] == [401, 200]


@pytest.mark.parametrize("token", ["", "not-the-one-that-the-daemon-knows-any-more"], ids=["none", "another"])
async def test_where_the_api_cannot_be_asked_the_process_is_sent_sighup_if_it_is_named(machine, token):
    async with machine.daemon() as daemon:
        environment = {"KLING_DAEMON_URL": f"http://{daemon.api}", "KLING_DAEMON_TOKEN": token}
        assert machine.typed("reload", **environment).status == 1
        machine.secret("old", OTHER_TEXT)
        told = machine.typed("reload", "--pid", str(daemon.process.pid), **environment)
        assert (told.status, told.out) == (0, "")
        assert f"process {daemon.process.pid} was sent SIGHUP" in told.err
        assert (await daemon.until_said("reloaded"))["applied"] == ["trust.secrets.old"]
        assert await answer(daemon, OTHER, 1) == 200


def test_a_process_that_is_not_there_is_a_failure(machine):
    # The highest number that a process can have on Linux, plus one.
    told = machine.typed("reload", "--pid", str(2**22 + 1), KLING_DAEMON_URL="http://127.0.0.1:1")
    assert told.status == 1
    assert "is it running?" in told.err
    assert "No such process" in told.err
