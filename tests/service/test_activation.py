import os

import pytest

from kling_daemon.service.activation import take_sockets


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "receiver"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "receiver"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
    ],
    ids=["nothing", "for nobody", "for another process", "no number", "none"],
)
def test_what_was_not_passed_to_us_is_not_taken_and_no_child_process_takes_it_either(environ):
    environ["PATH"] = "/bin"
    assert take_sockets(environ) == {}
    assert environ == {"PATH": "/bin"}
