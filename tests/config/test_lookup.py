from functools import partial
from pathlib import Path

import pytest
from fakes.unprivileged import unprivileged

from kling_daemon.config import ConfigError, find_config, load


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def find(here):
    """Look for a configuration in a folder of the test's own, and for the system's there."""
    return partial(find_config, system=here / "etc.toml")


def test_the_explicit_file_comes_first_then_the_variable(here, find):
    for name in ("a.toml", "b.toml", "config.toml"):
        (here / name).touch()
    environ = {"KLING_DAEMON_CONFIG": str(here / "b.toml")}
    assert find(here / "a.toml", environ, for_run=True) == here / "a.toml"
    assert find(None, environ, for_run=True) == here / "b.toml"


def test_only_run_looks_into_the_current_folder(here, find):
    (here / "config.toml").touch()
    assert find(None, {}, for_run=True) == Path("config.toml")
    assert find(None, {}, for_run=False) is None
    (here / "etc.toml").touch()
    assert find(None, {}, for_run=False) == here / "etc.toml"


def test_without_any_file_the_defaults_apply(find):
    assert find(None, {}, for_run=True) is None


def test_a_file_that_was_named_must_exist(find):
    with pytest.raises(ConfigError, match=r"--config: there is no file nowhere\.toml"):
        find(Path("nowhere.toml"), {}, for_run=True)
    with pytest.raises(ConfigError, match=r"KLING_DAEMON_CONFIG: there is no file nowhere\.toml"):
        find(None, {"KLING_DAEMON_CONFIG": "nowhere.toml"}, for_run=True)


def test_a_file_that_may_not_be_looked_at_is_not_passed_over_but_said_to_be_unreadable(here):
    closed = here / "closed"
    closed.mkdir(mode=0)
    with unprivileged():
        for explicit in (None, closed / "config.toml"):
            found = find_config(explicit, {}, for_run=False, system=closed / "config.toml")
            [problem] = load(found, {"HOME": str(here)}).problems
            assert str(problem) == f"{closed}/config.toml: cannot be read: Permission denied"
