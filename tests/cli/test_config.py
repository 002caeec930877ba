import json

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
GOOD = '[receiver]\nlisten = "127.0.0.1:0"\n[api]\nlisten = "127.0.0.1:0"\n'
BAD = """
[receivr]
listen = "127.0.0.1:0"
[poller]
interval = 15
[trust]
adopt = "everything"
[handlers.archive]
type = "no-such-type"
"""


def test_a_sound_configuration_is_named_with_its_handlers(typed, tmp_path):
    path = tmp_path / "kling.toml"
    path.write_text(GOOD)
    result = typed("config", "check", "--config", path)
    assert result.exit_code == 0, result.output
    assert f"The configuration is sound ({path})" in result.stdout


def test_the_defaults_are_sound(typed):
    result = typed("config", "check")
    assert result.exit_code == 0, result.output
    assert "there is no file" in result.stdout


def test_a_file_that_only_run_would_take_is_named(typed, tmp_path):
    assert "./config.toml" not in typed("config", "check").stdout
    (tmp_path / "config.toml").write_text(BAD)
    result = typed("config", "check")
    assert result.exit_code == 0, result.output
    assert "there is no file; ./config.toml is read by `run`, and here with --config config.toml" in result.stdout


def test_every_mistake_is_reported_at_once_with_its_path(typed, tmp_path):
    path = tmp_path / "kling.toml"
    path.write_text(BAD)
    result = typed("config", "check", "--config", path)
    assert result.exit_code == 78
    for key in ("receivr", "poller.interval", "trust.adopt", "handlers.archive.type"):
        assert f"  {key}: " in result.stderr
    assert "did you mean 'receiver'" in result.stderr


def test_programs_are_given_the_mistakes_as_json(typed, tmp_path):
    path = tmp_path / "kling.toml"
    path.write_text(BAD)
    result = typed("config", "check", "--config", path, "--json")
    assert result.exit_code == 78
    answer = json.loads(result.stdout)
    assert answer["file"] == str(path)
    assert {problem["path"] for problem in answer["problems"]} >= {"poller.interval", "handlers.archive.type"}


def test_of_each_webhook_secret_it_is_said_what_changes_it(typed, tmp_path):
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    (tmp_path / "kling.toml").write_text(GOOD + f'[trust]\nsecrets.new = {{ file = "{secret}" }}\n')
    words, env = ("config", "check", "--config", tmp_path / "kling.toml"), {"KLING_WEBHOOK_SECRETS": f"old:{SECRET}"}
    told = typed(*words, env=env).stdout
    assert f"Webhook secret new: from {secret}, changed by a reload.\n" in told
    assert "Webhook secret old: from KLING_WEBHOOK_SECRETS, changed by a restart.\n" in told
    assert json.loads(typed(*words, "--json", env=env).stdout)["webhook_secrets"] == [
        {"name": "new", "place": str(secret), "changed_by": "reload"},
        {"name": "old", "place": "KLING_WEBHOOK_SECRETS", "changed_by": "restart"},
    ]
    assert SECRET not in told


def test_a_file_that_is_no_toml_is_reported(typed, tmp_path):
    path = tmp_path / "kling.toml"
    path.write_text("= nothing")
    assert typed("config", "check", "--config", path).exit_code == 78
    assert typed("config", "check", "--config", tmp_path / "nowhere").exit_code == 78


def test_a_secret_that_is_none_is_reported_without_being_shown(typed):
    env = {"KLING_WEBHOOK_SECRETS": "main:no-such-secret-at-all"}
    result = typed("config", "check", env=env)
    assert result.exit_code == 78
    assert "trust.secrets.main" in result.stderr
    assert "no-such-secret-at-all" not in result.output


def test_what_is_doubtful_is_a_warning_and_no_mistake(typed, tmp_path):
    path = tmp_path / "kling.toml"
    path.write_text(
        f'{GOOD}[trust]\nadopt = "none"\n'.replace("[api]", 'public_url = "http://kling.example.com"\n[api]')
    )
    result = typed("config", "check", "--config", path)
    assert result.exit_code == 0, result.output
    assert "The configuration is sound" in result.stdout
    assert result.stderr.startswith("Warning: receiver.public_url: is http://")
    result = typed("config", "check", "--config", path, "--json")
    assert result.exit_code == 0, result.output
    assert [warning["path"] for warning in json.loads(result.stdout)["warnings"]] == ["receiver.public_url"]


def test_a_short_webhook_secret_is_a_warning_and_no_mistake(typed, monkeypatch):
    monkeypatch.setenv("KLING_WEBHOOK_SECRETS", "console:whsec_c2hvcnRzaG9ydA==")
    result = typed("config", "check")
    assert result.exit_code == 0, result.output
    assert "Warning: trust.secrets.console: has 10 bytes" in result.stderr
    answer = json.loads(typed("config", "check", "--json").stdout)
    assert [warning["path"] for warning in answer["warnings"]] == ["trust.secrets.console"]
    assert "c2hvcnR" not in result.output
