"""What the daemon is given by a service manager is held to the same rules as what is configured."""

import socket

import pytest
from structlog.testing import capture_logs

from kling_daemon.app.handing_over import as_passed, reading, tell_of_differences
from kling_daemon.config import ConfigError, Settings, TcpAddress
from kling_daemon.service import ActivationError


def settings(**sections):
    return Settings.model_validate({"store": {"directory": "/nowhere"}, **sections})


@pytest.fixture
def everywhere():
    with socket.create_server(("0.0.0.0", 0)) as bound:  # noqa: S104 - the test is about just that
        yield bound


@pytest.fixture
def here():
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def address(bound):
    host, port = bound.getsockname()
    return TcpAddress(host=host, port=port)


def test_where_nothing_is_passed_nothing_changes():
    assert as_passed(settings(), {}) == settings()


def test_a_passed_socket_counts_and_the_difference_is_told(here):
    passed = as_passed(settings(), {"receiver": [here]})
    assert passed.receiver.listen == address(here)
    assert passed.api == settings().api
    with capture_logs() as logs:
        tell_of_differences(settings(), passed)
    assert [(line["key"], line["served"]) for line in logs] == [("receiver.listen", str(address(here)))]
    with capture_logs() as logs:
        tell_of_differences(passed, passed)
    assert logs == []


def test_what_is_forbidden_of_a_configured_address_is_forbidden_of_a_passed_one(everywhere, here):
    unguarded = settings(api={"auth": "none"})
    with pytest.raises(ActivationError, match=r"api: 0\.0\.0\.0:[0-9]+"):
        as_passed(unguarded, {"api": [everywhere]})
    assert as_passed(unguarded, {"api": [here]}).api.listen == address(here)


def test_nor_does_a_reload_allow_it(everywhere):
    passing = {"api": [everywhere]}
    network = {"tls_cert": "/c", "tls_key": "/k"}
    read = reading(lambda: (None, settings(api={"auth": "none", **network})), passing)
    with pytest.raises(ConfigError, match="cannot use the sockets"):
        read()


def test_one_socket_for_both_is_refused(here):
    with pytest.raises(ActivationError, match="must differ"):
        as_passed(settings(), {"api": [here], "receiver": [here]})
