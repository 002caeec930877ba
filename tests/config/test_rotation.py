import pytest

from kling_daemon.config import load
from kling_daemon.config.rotation import rotations

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="


def private(path):
    path.touch(mode=0o600)
    path.write_text(SECRET)
    return path


def found(config, **environ):
    loaded = load(config, {"HOME": "/home/someone", **environ})
    assert loaded.problems == []
    return [(each.name, each.place, each.is_live) for each in rotations(loaded)]


def test_a_secret_in_a_file_is_changed_by_a_reload_and_any_other_by_a_restart(tmp_path, monkeypatch):
    (tmp_path / "credentials").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    file, credential = private(tmp_path / "file"), private(tmp_path / "credentials" / "own")
    private(tmp_path / "credentials" / "webhook_secrets").write_text(f"given:{SECRET}")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[trust]\nsecrets.in_file = {{ file = "{file}" }}\nsecrets.in_variable = {{ env = "HOOK" }}\n'
        f'secrets.in_credential = {{ file = "{credential}" }}\n'
    )
    assert found(config, HOOK=SECRET, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials")) == [
        ("given", str(tmp_path / "credentials" / "webhook_secrets"), False),
        ("in_credential", str(credential), False),
        ("in_file", str(file), True),
        ("in_variable", "HOOK", False),
    ]


@pytest.mark.parametrize("text", ["", "[trust]\n"])
def test_secrets_of_the_well_known_variable_take_a_restart(tmp_path, text):
    (tmp_path / "config.toml").write_text(text)
    assert found(tmp_path / "config.toml", KLING_WEBHOOK_SECRETS=f"old:{SECRET}") == [
        ("old", "KLING_WEBHOOK_SECRETS", False)
    ]


def test_a_file_that_cannot_be_read_has_none(tmp_path):
    (tmp_path / "config.toml").write_text("= nothing")
    assert list(rotations(load(tmp_path / "config.toml", {"HOME": "/home/someone"}))) == []
