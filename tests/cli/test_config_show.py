import json
import stat

import pytest

WEBHOOK_SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
FILE = """
[kling]
api_key = {{ file = "{folder}/key" }}
[poller]
interval = "20s"
[handlers.archive]
type = "download"
directory = "{folder}/videos"
timeout = "3m"
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "key").write_text("a-key-that-nobody-is-shown")
    (tmp_path / "key").chmod(stat.S_IRUSR | stat.S_IWUSR)
    path = tmp_path / "kling.toml"
    path.write_text(FILE.format(folder=tmp_path))
    return path


@pytest.fixture
def shown(typed, config):
    """Return the settings that are shown by their keys, each with its value, origin and place."""

    def show(*words, exit_code=0, **given):
        result = typed("config", "show", "--json", "--config", config, *words, **given)
        assert result.exit_code == exit_code, result.output
        assert "nobody-is-shown" not in result.output
        settings = json.loads(result.stdout)["settings"]
        return {entry["key"]: (entry["value"], entry["origin"], entry["place"]) for entry in settings}

    return show


def test_each_value_is_shown_with_where_it_comes_from(shown, config, tmp_path):
    settings = shown(env={"KLING_DAEMON_LOG__LEVEL": "debug"})
    assert settings["poller.interval"] == ("20s", "file", str(config))
    assert settings["log.level"] == ("debug", "environment", "KLING_DAEMON_LOG__LEVEL")
    assert settings["receiver.max_body"] == ("1 MiB", "default", None)
    assert settings["receiver.public_url"] == (None, "default", None)
    assert settings["kling.api_key"] == ({"file": f"{tmp_path}/key"}, "file", str(config))


def test_the_environment_wins_over_the_file_and_is_named(shown):
    settings = shown(env={"KLING_DAEMON_POLLER__INTERVAL": "30s"})
    assert settings["poller.interval"] == ("30s", "environment", "KLING_DAEMON_POLLER__INTERVAL")


def test_what_a_credential_brings_is_masked_and_its_place_named(shown, tmp_path, typed):
    settings = shown(env={"KLING_WEBHOOK_SECRETS": f"main:{WEBHOOK_SECRET}", "KLING_API_KEY": "another"})
    assert settings["trust.secrets.main"] == ("***", "credential", "KLING_WEBHOOK_SECRETS")
    assert settings["kling.api_key"][1] == "file"
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "webhook_secrets").write_text(WEBHOOK_SECRET)
    env = {"CREDENTIALS_DIRECTORY": str(folder)}
    assert shown(env=env)["trust.secrets.default"] == ("***", "credential", str(folder / "webhook_secrets"))
    assert WEBHOOK_SECRET not in typed("config", "show", env=env).output


def test_a_handler_is_shown_with_what_it_takes_over_and_what_its_plugin_adds(shown, config, tmp_path):
    settings = shown()
    assert settings["handlers.archive.timeout"] == ("3m", "file", str(config))
    assert settings["handlers.archive.max_attempts"] == (12, "default", "delivery.max_attempts")
    assert settings["handlers.archive.events"] == (["job.completed"], "default", None)
    assert settings["handlers.archive.directory"] == (f"{tmp_path}/videos", "file", str(config))
    assert settings["handlers.archive.sidecar"] == (True, "default", None)


def test_only_what_was_changed_can_be_asked_for(shown):
    keys = {
        "kling.api_key",
        "poller.interval",
        *(f"handlers.archive.{key}" for key in ("type", "directory", "timeout")),
    }
    assert set(shown("--changed")) == keys


def test_a_person_is_shown_a_table(typed, config, tmp_path):
    lines = typed("config", "show", "--config", config).stdout.splitlines()
    assert lines[0].split() == ["KEY", "VALUE", "FROM"]
    assert ["poller.interval", '"20s"', str(config)] in [line.split() for line in lines]
    (line,) = [line for line in lines if line.startswith("kling.api_key ")]
    assert f'{{ file = "{tmp_path}/key" }}' in line


def test_mistakes_are_told_and_what_remains_is_shown(shown, typed, config):
    config.write_text('[poller]\ninterval = 15\nmax_interval = "1h"\n')
    settings = shown(exit_code=78)
    assert settings["poller.interval"] == ("15s", "default", None)
    assert settings["poller.max_interval"] == ("1h", "file", str(config))
    result = typed("config", "show", "--config", config)
    assert result.exit_code == 78
    assert "poller.interval: " in result.stderr


def test_a_file_that_cannot_be_read_shows_nothing_but_the_mistake(typed, tmp_path):
    (tmp_path / "none.toml").write_text("= nothing")
    result = typed("config", "show", "--config", tmp_path / "none.toml")
    assert (result.exit_code, result.stdout) == (78, "")
    assert "is not TOML" in result.stderr
    assert typed("config", "show", "--config", tmp_path / "nowhere").exit_code == 78
    assert typed("config", "show", "--no-such-option").exit_code == 2
