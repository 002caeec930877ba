import pytest

from kling_daemon.config import load
from kling_daemon.config.addresses import is_loopback

HOME = {"HOME": "/home/someone"}


def warned(**variables):
    environ = {f"KLING_DAEMON_{name}": value for name, value in variables.items()}
    loaded = load(None, {**HOME, **environ})
    return [str(warning) for warning in loaded.warnings]


def test_the_defaults_make_nobody_think():
    assert warned() == []


@pytest.mark.parametrize("url", ["http://kling.example.com", "http://203.0.113.5:8765", "HTTP://[2001:db8::1]/kling"])
def test_a_public_url_without_tls_is_warned_of(url):
    [warning] = warned(RECEIVER__PUBLIC_URL=url)
    assert warning.startswith("KLING_DAEMON_RECEIVER__PUBLIC_URL: is http://, so whoever is on the way reads callbacks")


@pytest.mark.parametrize(
    "url", ["https://kling.example.com", "http://127.0.0.1:8765", "http://[::1]", "http://localhost"]
)
def test_a_url_with_tls_or_on_this_machine_is_not(url):
    assert warned(RECEIVER__PUBLIC_URL=url) == []


@pytest.mark.parametrize("listen", ["0.0.0.0:8765", "[::]:8765", "192.168.1.5:8765", "kling.internal:8765"])
def test_a_receiver_that_others_reach_without_tls_is_warned_of(listen):
    [warning] = warned(RECEIVER__LISTEN=listen)
    assert warning.startswith("KLING_DAEMON_RECEIVER__LISTEN: is open to other machines without TLS")
    assert warned(RECEIVER__LISTEN=listen, RECEIVER__TLS_CERT="/a", RECEIVER__TLS_KEY="/b") == []


def test_a_receiver_behind_a_proxy_elsewhere_is_not():
    assert warned(RECEIVER__LISTEN="0.0.0.0:8765", RECEIVER__TRUSTED_PROXIES='["10.0.0.7"]') == []


@pytest.mark.parametrize("listen", ["127.0.0.1:8765", "[::1]:8765"])
def test_a_receiver_that_lets_nobody_in_is_warned_of(listen):
    [warning] = warned(RECEIVER__LISTEN=listen, RECEIVER__ALLOW_IPS='["203.0.113.0/24"]')
    assert warning.startswith("KLING_DAEMON_RECEIVER__ALLOW_IPS: lets nobody in")
    for proxied in ({"TRUSTED_PROXIES": '["127.0.0.1", "::1"]'}, {"ALLOW_IPS": '["127.0.0.1", "::1"]'}):
        given = {"ALLOW_IPS": '["203.0.113.0/24"]', **proxied}
        assert warned(RECEIVER__LISTEN=listen, **{f"RECEIVER__{key}": value for key, value in given.items()}) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:8765", "[::1]:8765", "localhost:8765"])
def test_a_receiver_that_only_this_machine_reaches_is_not(listen):
    assert warned(RECEIVER__LISTEN=listen) == []


def test_what_is_wrong_anyway_is_not_warned_of_as_well(tmp_path):
    (tmp_path / "kling.toml").write_text('[receiver]\npublic_url = "http://kling.example.com"\nlisten = "nonsense"\n')
    loaded = load(tmp_path / "kling.toml", HOME)
    assert [problem.path for problem in loaded.problems] == ["receiver.listen"]
    assert [warning.path for warning in loaded.warnings] == ["receiver.public_url"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("LocalHost", True),
        ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("localhost.example.com", False), ("", False),  # noqa: S104 - told apart, not bound
    ],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected


def test_an_api_without_tokens_is_warned_of():
    [warning] = warned(API__AUTH="none")
    assert warning.startswith('KLING_DAEMON_API__AUTH: is "none", so every program and user')


def test_tokens_that_come_without_tls_from_other_machines_are_warned_of():
    [warning] = warned(API__ALLOW_HTTP="true", API__LISTEN="0.0.0.0:8766")
    assert warning.startswith("KLING_DAEMON_API__ALLOW_HTTP: lets tokens come without TLS")
    assert warned(API__ALLOW_HTTP="true") == []


@pytest.mark.parametrize("networks", ['["127.0.0.0/8"]', '["127.0.0.1"]', '["10.0.0.0/8", "::1"]', '["0.0.0.0/0"]'])
def test_handlers_that_may_ask_this_machine_are_warned_of(networks):
    [warning] = warned(EGRESS__NETWORKS=networks)
    assert warning.startswith("KLING_DAEMON_EGRESS__NETWORKS: opens this machine to whatever addresses results have")
    assert warned(EGRESS__NETWORKS='["10.0.0.0/8", "fd00:1::/64"]') == []


def test_a_proxy_that_may_lead_anywhere_is_warned_of():
    [warning] = warned(EGRESS__PROXY="http://proxy.internal:3128")
    assert warning.startswith("KLING_DAEMON_EGRESS__PROXY: looks names up instead of the daemon")
    assert warned(EGRESS__PROXY="http://proxy.internal:3128", EGRESS__HOSTS='["*.klingai.com"]') == []
