from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.config.addresses import TcpAddress, UnixAddress, collide, parse_address, parse_tcp


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8765", TcpAddress(host="127.0.0.1", port=8765)),
        ("localhost:0", TcpAddress(host="localhost", port=0)),
        ("[::1]:8765", TcpAddress(host="::1", port=8765)),
        ("unix:/run/x.sock", UnixAddress(path=Path("/run/x.sock"))),
    ],
)
def test_an_address_is_read_and_written_alike(text, expected):
    assert parse_address(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("value", ["", "8765", ":8765", "host:", "h:99999", "::1:80", "http://x:80", "h:1 ", 80, None])
def test_what_is_no_address_is_refused_or_trimmed(value):
    if value == "h:1 ":
        assert parse_tcp(value) == TcpAddress(host="h", port=1)
    else:
        with pytest.raises(ValueError, match="must be an address"):
            parse_address(value)


def test_a_socket_path_must_be_absolute_and_fit_the_kernel():
    for text in ("unix:run/x.sock", "unix:/" + "x" * 107):
        with pytest.raises(ValueError, match="absolute path"):
            parse_address(text)


def test_the_receiver_takes_no_socket_path():
    with pytest.raises(ValueError, match="must be an address"):
        parse_tcp("unix:/run/x.sock")


def test_a_wildcard_takes_the_port_of_every_host():
    loopback = TcpAddress(host="127.0.0.1", port=80)
    assert collide(loopback, TcpAddress(host="::", port=80))
    assert collide(loopback, loopback)
    assert not collide(loopback, TcpAddress(host="127.0.0.2", port=80))
    assert not collide(loopback, TcpAddress(host="127.0.0.1", port=81))
    assert not collide(loopback, UnixAddress(path=Path("/run/x")))


def test_two_ports_chosen_by_the_system_never_collide():
    any_port = TcpAddress(host="127.0.0.1", port=0)
    assert not collide(any_port, any_port)


@given(st.text())
def test_whatever_is_written_only_a_value_error_is_raised(text):
    try:
        parse_address(text)
    except ValueError as error:
        assert "must be" in str(error)  # noqa: PT017 - not raising is as good
