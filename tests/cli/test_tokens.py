import pytest

from kling_daemon.cli import tokens
from kling_daemon.scopes import Scope


def test_the_scopes_that_can_be_asked_for_are_those_that_there_are():
    assert tuple(Scope) == tokens.SCOPES


async def test_a_token_is_printed_alone_so_that_a_script_can_keep_it(api, ask):
    made = await ask("tokens", "new", "grafana")
    assert made.exit_code == 0, made.output
    (token,) = made.stdout.splitlines()
    assert "'grafana' (scope read), which is shown only now" in made.stderr
    listed = await ask("tokens", "list")
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    assert [row[:2] for row in rows] == [["api-token", "admin"], ["grafana", "read"]]
    assert listed.stdout.splitlines()[2].endswith("never")
    assert token not in listed.output
    env = {"KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": token}
    refused = await ask("tokens", "revoke", "grafana", with_env=env)
    assert (refused.exit_code, "may see everything and change nothing" in refused.stderr) == (1, True)
    revoked = await ask("tokens", "revoke", "grafana")
    assert (revoked.exit_code, revoked.stdout) == (0, "grafana is revoked.\n")
    assert (await ask("jobs", "list", with_env=env)).exit_code == 1


async def test_programs_are_given_json(ask_json):
    made = await ask_json("tokens", "new", "deploy", "--scope", "admin")
    assert (made["name"], made["scope"], len(made["token"])) == ("deploy", "admin", 43)
    assert [token["name"] for token in (await ask_json("tokens", "list"))["items"]] == ["api-token", "deploy"]
    assert [token["name"] for token in (await ask_json("tokens", "revoke", "deploy"))["items"]] == ["deploy"]


async def test_what_was_revoked_is_shown_although_the_next_is_not_there(ask):
    await ask("tokens", "new", "one")
    result = await ask("tokens", "revoke", "one", "nobody")
    assert (result.exit_code, result.stdout) == (1, "one is revoked.\n")
    assert "no token has this name" in result.stderr


async def test_a_name_that_is_taken_is_a_failure(ask):
    result = await ask("tokens", "new", "api-token")
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize("words", [("new",), ("new", "a b"), ("new", "a", "--scope", "all"), ("revoke",)])
def test_what_makes_no_sense_is_a_usage_error(typed, words):
    assert typed("tokens", *words).exit_code == 2


def test_without_a_daemon_it_is_69(typed):
    for words in (("list",), ("new", "a"), ("revoke", "a")):
        assert typed("tokens", *words, "--url", "http://127.0.0.1:1").exit_code == 69
