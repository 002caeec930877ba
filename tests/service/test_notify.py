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
    Notifier(manager.getsockname()).reloading()
    first, second = manager.recv(4096).decode().splitlines()
    assert (first, second.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")


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
