from fakes.unprivileged import unprivileged

from kling_daemon.config.credentials import read_credentials


def secrets_of(tree):
    return {name: secret.get_secret_value() for name, secret in tree["trust"]["secrets"].items()}


def test_the_well_known_variables_are_read():
    tree, problems = read_credentials({"KLING_API_KEY": "sk-1", "KLING_WEBHOOK_SECRETS": "old:whsec_b2xk whsec_bmV3"})
    assert not problems
    assert tree["kling"]["api_key"].get_secret_value() == "sk-1"
    assert secrets_of(tree) == {"old": "whsec_b2xk", "default-2": "whsec_bmV3"}


def test_a_credential_of_systemd_comes_before_the_variable(tmp_path):
    (tmp_path / "kling_api_key").write_text("sk-systemd\n")
    (tmp_path / "webhook_secrets").write_text("whsec_YQ\nb:whsec_Yg\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "KLING_API_KEY": "sk-1", "KLING_WEBHOOK_SECRETS": "x"}
    tree, problems = read_credentials(environ)
    assert not problems
    assert tree["kling"]["api_key"].get_secret_value() == "sk-systemd"
    assert secrets_of(tree) == {"default": "whsec_YQ", "b": "whsec_Yg"}


def test_an_empty_variable_means_what_an_absent_one_means():
    assert read_credentials({"KLING_API_KEY": "", "KLING_WEBHOOK_SECRETS": ""}) == ({}, [])


def test_mistakes_are_told_without_the_secret(tmp_path):
    (tmp_path / "kling_api_key").write_text("")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "KLING_WEBHOOK_SECRETS": "a:whsec_1 a:whsec_2"}
    tree, problems = read_credentials(environ)
    assert tree == {}
    assert [str(problem) for problem in problems] == [
        f"KLING_API_KEY: {tmp_path}/kling_api_key is empty",
        "KLING_WEBHOOK_SECRETS: two secrets in KLING_WEBHOOK_SECRETS have the name 'a'",
    ]


def test_a_name_without_a_secret_is_a_mistake():
    for text in ("a:", ":whsec_1", "x a:"):
        _, [problem] = read_credentials({"KLING_WEBHOOK_SECRETS": text})
        assert "must be a secret, or name:secret" in problem.message


def test_access_key_and_secret_key_are_found_beside_the_api_key(tmp_path):
    (tmp_path / "kling_secret_key").write_text("sk-systemd\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "KLING_API_KEY": "key",
        "KLING_ACCESS_KEY": "ak",
        "KLING_SECRET_KEY": "sk",
    }
    tree, problems = read_credentials(environ)
    assert not problems
    found = {name: secret.get_secret_value() for name, secret in tree["kling"].items()}
    assert found == {"api_key": "key", "access_key": "ak", "secret_key": "sk-systemd"}


def test_credentials_that_may_not_be_looked_at_are_a_mistake_and_no_traceback(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "closed")}
    with unprivileged():
        tree, problems = read_credentials(environ)
    assert tree == {}
    assert "permission denied" in problems[0].message
