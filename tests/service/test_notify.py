import socket

import pytest

from kling_daemon.service import Notifier


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        yield manager


def test_a_state_is_one_datagram_of_lines(manager):
    Notifier(manager.getsockname()).ready("Läuft\nREADY=0")
    assert manager.recv(4096).decode() == "READY=1\nSTATUS=Läuft READY=0"


def test_reloading_bears_the_time_as_systemd_wants_it(manager):
    notifier = Notifier(manager.getsockname())
    notifier.ready("Running")
    assert manager.recv(4096) == b"READY=1\nSTATUS=Running"
    notifier.reloading()
    first, second = manager.recv(4096).decode().splitlines()
    assert (first, second.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")


def test_a_reload_leaves_to_be_seen_where_the_daemon_listens(manager):
    notifier = Notifier(manager.getsockname())
    notifier.ready("Running: callbacks at 127.0.0.1:8765")
    notifier.reloaded("a restart is needed for api.listen")
    notifier.reloaded(None)
    told = [manager.recv(4096).decode().partition("STATUS=")[2] for _ in range(3)]
    assert told[1:] == [f"{told[0]}; a restart is needed for api.listen", told[0]]


def test_a_reload_during_the_start_does_not_pass_for_its_end(manager):
    notifier = Notifier(manager.getsockname())
    notifier.reloading()
    notifier.reloaded(None)
    notifier.ready("Running")
    assert manager.recv(4096) == b"READY=1\nSTATUS=Running"


def test_an_abstract_socket_is_found():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # Linux finds a free abstract name
        manager.settimeout(20)
        Notifier("@" + manager.getsockname().decode()[1:]).stopping()
        assert manager.recv(4096).startswith(b"STOPPING=1\n")


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody"])
def test_nobody_who_listens_harms_nobody(address):
    Notifier(address).ready("unheard")


def test_no_child_process_speaks_for_us(manager):
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "PATH": "/bin"}
    Notifier.of(environ).ready("once")
    assert manager.recv(4096).startswith(b"READY=1\n")
    assert environ == {"PATH": "/bin"}
