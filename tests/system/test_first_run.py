"""The first minutes with the daemon: it runs on defaults alone, and says in one line what keeps it from running."""

import signal
import socket
import stat

import pytest
from fakes.daemon_process import Machine

from kling_daemon.private_files import make_private_file

FREE_PORTS = {"KLING_DAEMON_RECEIVER__LISTEN": "127.0.0.1:0", "KLING_DAEMON_API__LISTEN": "127.0.0.1:0"}
"""So that tests may run beside each other; nothing else is configured."""


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, environment=FREE_PORTS)


def complaint(ended):
    """Return the one line in which a daemon says why it cannot start."""
    assert ended.status == 1, ended
    assert ended.out == ""
    *log, line = ended.err.splitlines()
    assert all(entry.startswith("{") for entry in log)
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


async def test_without_any_configuration_it_runs_and_says_what_it_lacks(machine):
    async with machine.daemon("run") as daemon:
        lacking = [line["event"].partition(":")[0] for line in daemon.lines if line["level"] == "warning"]
        assert lacking == ["no kling api key", "no webhook secret"]
        assert "KLING_API_KEY" in daemon.said(daemon.lines[0]["event"])[0]["remedy"]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (machine.state, *machine.state.iterdir())}
        assert modes.pop("kling-daemon") == 0o700
        assert set(modes.values()) == {0o600}
        assert {"api-token", "capability-key", "kling.db"} <= set(modes)

        assert daemon.typed("jobs", "list").status == 0
        refused = daemon.typed("submit", "/text-to-video/kling-3.0", "--prompt", "a lighthouse")
        assert (refused.status, refused.out) == (1, "")
        assert "KLING_API_KEY" in refused.err
        assert await daemon.stop() == 0
    assert not [line for line in daemon.text.splitlines() if not line.startswith("{")]


async def test_a_second_daemon_on_the_same_state_says_so_and_leaves_the_first_alone(machine):
    async with machine.daemon("run") as daemon:
        told = complaint(machine.typed("run"))
        assert told.startswith(f"another kling-daemon is running with the state directory {machine.state}; ")
        assert daemon.typed("jobs", "list").status == 0
        assert await daemon.stop() == 0


@pytest.mark.parametrize("listener", ["RECEIVER", "API"])
def test_a_port_in_use_is_named(machine, listener):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        told = complaint(machine.typed("run", **{f"KLING_DAEMON_{listener}__LISTEN": address}))
    assert told == (
        f"cannot listen on {address}: Address already in use; stop what uses it, or configure another address"
    )


DAMAGED = (
    "it is damaged: stop the daemon and put a backup in its place, or save what can be read "
    "(docs/operations.md, The database is damaged)"
)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda state: state.write_text("in the way"), "the state directory {} cannot be made: File exists"),
        (
            lambda state: (state.mkdir(), (state / "kling.db").write_text("no database" * 100)),
            f"the database {{}}/kling.db cannot be used: file is not a database: {DAMAGED}",
        ),
        (
            lambda state: (state.mkdir(), make_private_file(state / "capability-key", b"short")),
            "{}/capability-key is damaged: it must hold 32 bytes or a longer word; delete it to have a new one made",
        ),
    ],
    ids=["a file in its place", "no database", "a damaged key"],
)
def test_a_state_directory_that_cannot_be_used_is_named(machine, make, reason):
    state = machine.home / "state"
    make(state)
    ended = machine.typed("run", KLING_DAEMON_STORE__DIRECTORY=str(state))
    assert complaint(ended) == reason.format(state)


def test_a_command_to_a_daemon_that_is_not_there_says_where_it_looked_and_ends_with_69(machine):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for words in (["jobs", "list"], ["deliveries", "list"], ["submit", "/text-to-video/kling-3.0", "--prompt", "x"]):
        ended = machine.typed(*words, KLING_DAEMON_API__LISTEN=address)
        assert (ended.status, ended.out) == (69, "")
        assert ended.err == f"Error: no daemon answers at http://{address}: Connection refused; is it running?\n"
    assert machine.typed("plugins", "list", KLING_DAEMON_API__LISTEN=address).status == 0


async def test_a_command_with_a_wrong_token_or_none_says_where_it_took_it_from(machine):
    async with machine.daemon("run") as daemon:
        url = f"http://{daemon.api}"
        for token in ("a-wrong-token", ""):
            ended = machine.typed("jobs", "list", KLING_DAEMON_URL=url, KLING_DAEMON_TOKEN=token)
            assert (ended.status, ended.out) == (1, "")
            assert "KLING_DAEMON_TOKEN" in ended.err
            assert "a-wrong-token" not in ended.err
        assert daemon.token not in daemon.text


async def test_the_first_token_is_exchanged_by_deleting_its_file_and_a_restart(machine):
    async with machine.daemon("run") as daemon:
        old = daemon.token
        assert await daemon.stop() == 0
    (machine.state / "api-token").unlink()
    async with machine.daemon("run") as daemon:
        assert daemon.token != old
        assert daemon.typed("jobs", "list").status == 0
        refused = machine.typed("jobs", "list", KLING_DAEMON_URL=f"http://{daemon.api}", KLING_DAEMON_TOKEN=old)
        assert refused.status == 1
        assert await daemon.stop() == 0


async def test_while_it_runs_the_first_token_is_exchanged_by_sighup(machine):
    async with machine.daemon("run") as daemon:
        old, url = daemon.token, f"http://{daemon.api}"
        (machine.state / "api-token").unlink()
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.until_said("first token exchanged")
        assert daemon.token != old
        assert stat.S_IMODE((machine.state / "api-token").stat().st_mode) == 0o600
        assert daemon.typed("jobs", "list").status == 0
        assert machine.typed("jobs", "list", KLING_DAEMON_URL=url, KLING_DAEMON_TOKEN=old).status == 1

        new = daemon.token
        (machine.state / "api-token").write_text("too short")
        refused = machine.typed("reload", KLING_DAEMON_URL=url, KLING_DAEMON_TOKEN=new)
        assert (refused.status, "must be one word of 32" in refused.err) == (78, True)
        assert machine.typed("jobs", "list", KLING_DAEMON_URL=url, KLING_DAEMON_TOKEN=new).status == 0
        assert await daemon.stop() == 0


async def test_a_daemon_that_asks_for_no_token_warns_of_it_and_is_there_for_everybody(machine):
    async with machine.daemon("run", KLING_DAEMON_API__AUTH="none") as daemon:
        assert daemon.said("doubtful configuration", key="KLING_DAEMON_API__AUTH")
        assert machine.typed("jobs", "list", KLING_DAEMON_URL=f"http://{daemon.api}").status == 0
        assert await daemon.stop() == 0
