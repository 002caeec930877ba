import pytest

from kling_daemon.config import load

HOME = {"HOME": "/home/someone"}


def told(**variables):
    environ = {f"KLING_DAEMON_{name}": value for name, value in variables.items()}
    return [str(problem) for problem in load(None, {**HOME, **environ}).problems]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"API__LISTEN": "127.0.0.1:8765"}, "KLING_DAEMON_API__LISTEN: must differ from receiver.listen"),
        ({"RECEIVER__LISTEN": "0.0.0.0:8766"}, "api.listen: must differ from receiver.listen"),
        ({"TRUST__REQUIRE_SIGNATURE": "true"}, "KLING_DAEMON_TRUST__REQUIRE_SIGNATURE: needs a webhook secret"),
        ({"TRUST__CONFIRM": "always"}, 'KLING_DAEMON_TRUST__CONFIRM: "always" needs kling.api_key'),
        ({"KLING__ACCESS_KEY": '{ env = "HOME" }'}, "KLING_DAEMON_KLING__ACCESS_KEY: needs kling.secret_key"),
        ({"KLING__SECRET_KEY": '{ env = "HOME" }'}, "KLING_DAEMON_KLING__SECRET_KEY: needs kling.access_key"),
        ({"RECEIVER__TLS_CERT": "/a"}, "KLING_DAEMON_RECEIVER__TLS_CERT: needs receiver.tls_key"),
        ({"RECEIVER__TLS_KEY": "/a"}, "KLING_DAEMON_RECEIVER__TLS_KEY: needs receiver.tls_cert"),
        ({"API__TLS_KEY": "/a"}, "KLING_DAEMON_API__TLS_KEY: needs api.tls_cert"),
        (
            {"API__TLS_CERT": "/a", "API__TLS_KEY": "/b", "API__LISTEN": "unix:/run/a.sock"},
            "KLING_DAEMON_API__TLS_CERT: is for a TCP port",
        ),
        ({"POLLER__INTERVAL": "6m"}, "poller.max_interval: must not be less than poller.interval"),
        ({"DELIVERY__MAX_BACKOFF": "1s"}, "KLING_DAEMON_DELIVERY__MAX_BACKOFF: must not be less than"),
    ],
)
def test_settings_that_contradict_each_other_are_told(variables, expected):
    [problem] = told(**variables)
    assert problem.startswith(expected)


def test_access_key_and_secret_key_go_together_from_wherever_they_come():
    pair = {"KLING_ACCESS_KEY": "ak", "KLING_SECRET_KEY": "sk"}
    assert load(None, HOME | pair | {"KLING_DAEMON_TRUST__CONFIRM": "always"}).problems == []
    assert load(None, HOME | pair | {"KLING_API_KEY": "key"}).problems == []
    [problem] = load(None, HOME | {"KLING_ACCESS_KEY": "ak"}).problems
    assert str(problem).startswith("kling.access_key: needs kling.secret_key (or KLING_SECRET_KEY)")
    assert len(load(None, HOME | {"KLING_ACCESS_KEY": "ak", "KLING_SECRET_KEY": " "}).problems) == 1


def test_what_follows_from_another_mistake_is_not_told_as_well():
    assert len(told(API__LISTEN="127.0.0.1:8765", RECEIVER__LISTEN="nonsense")) == 1
    assert len(told(TRUST__REQUIRE_SIGNATURE="true", TRUST__SECRETS__A="literal")) == 1


@pytest.mark.parametrize("address", ["0.0.0.0:8766", "[::]:8766", "192.0.2.1:8766", "box.example:8766"])
def test_no_token_needs_an_address_that_only_this_machine_reaches(address):
    [problem] = told(API__AUTH="none", API__LISTEN=address)
    assert problem.startswith('KLING_DAEMON_API__AUTH: "none" is for loopback and Unix sockets')


@pytest.mark.parametrize("address", ["127.0.0.1:8766", "[::1]:8766", "localhost:8766", "unix:/run/api.sock"])
def test_on_this_machine_a_token_need_not_be_asked_for(address):
    assert told(API__AUTH="none", API__LISTEN=address) == []


@pytest.mark.parametrize("address", ["0.0.0.0:8766", "[::]:8766", "192.0.2.1:8766", "box.example:8766"])
def test_an_api_that_other_machines_reach_needs_tls(address, tmp_path):
    [problem] = told(API__LISTEN=address)
    assert problem.startswith("KLING_DAEMON_API__LISTEN: is open to other machines, whose tokens must come by TLS")
    assert told(API__LISTEN=address, API__ALLOW_HTTP="true") == []
    files = {f"API__TLS_{name}": str(tmp_path / name) for name in ("CERT", "KEY")}
    assert told(API__LISTEN=address, **files) == []
