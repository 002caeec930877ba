import pytest
from fakes.unprivileged import unprivileged

from kling_daemon.client import AddressError, find_daemon
from kling_daemon.config import ConfigError


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path)}


def config(tmp_path, text):
    path = tmp_path / "kling.toml"
    path.write_text(f'[store]\ndirectory = "{tmp_path}/state"\n{text}')
    return path


def test_a_url_comes_first_and_takes_no_token_but_the_environments(tmp_path, environ):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "api-token").write_text("secret")
    path = config(tmp_path, "")
    target = find_daemon("http://elsewhere:1/", path, environ)
    assert (target.url, target.token) == ("http://elsewhere:1", None)
    target = find_daemon(None, path, environ | {"KLING_DAEMON_URL": "unix:/x", "KLING_DAEMON_TOKEN": "mine\n"})
    assert (target.url, target.token) == ("unix:/x", "mine")


def test_the_configuration_tells_address_and_token(tmp_path, environ):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "api-token").write_text("secret\n")
    target = find_daemon(None, config(tmp_path, '[api]\nlisten = "[::1]:99"\n'), environ)
    assert (target.url, target.token) == ("http://[::1]:99", "secret")
    assert target.token_from.endswith("state/api-token")


def test_a_daemon_that_listens_everywhere_is_asked_at_home(tmp_path, environ):
    assert find_daemon(None, config(tmp_path, '[api]\nlisten = "0.0.0.0:99"\n'), environ).url == "http://127.0.0.1:99"


def test_a_configuration_with_mistakes_elsewhere_still_tells_the_address(tmp_path, environ):
    path = config(
        tmp_path, '[api]\nlisten = "127.0.0.1:99"\n[kling]\napi_key = { file = "/nowhere/none" }\n[polller]\n'
    )
    assert find_daemon(None, path, environ).url == "http://127.0.0.1:99"


def test_without_anything_the_defaults_hold(environ):
    target = find_daemon(None, None, environ)
    assert target.url == "http://127.0.0.1:8766"
    assert "KLING_DAEMON_TOKEN" in target.token_from


def test_a_socket_in_a_folder_that_is_not_ours_is_passed_over(tmp_path, environ):
    (tmp_path / "kling-daemon").mkdir(mode=0)
    with unprivileged():
        target = find_daemon(None, None, environ | {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert target.url == "http://127.0.0.1:8766"


def test_what_cannot_be_found_is_said(tmp_path, environ):
    with pytest.raises(AddressError, match="port 0"):
        find_daemon(None, config(tmp_path, '[api]\nlisten = "127.0.0.1:0"\n'), environ)
    with pytest.raises(ConfigError, match="is not TOML"):
        find_daemon(None, config(tmp_path, "= nothing"), environ)
    with pytest.raises(ConfigError, match="there is no file"):
        find_daemon(None, tmp_path / "nowhere.toml", environ)


def test_a_target_does_not_show_its_token(environ):
    target = find_daemon("http://x", None, environ | {"KLING_DAEMON_TOKEN": "secret"})
    assert "secret" not in repr(target)


def test_a_token_that_can_be_none_is_told_before_it_is_sent():
    with pytest.raises(AddressError, match="KLING_DAEMON_TOKEN holds characters"):
        find_daemon("http://x", None, {"KLING_DAEMON_TOKEN": "one\ntwo"})
