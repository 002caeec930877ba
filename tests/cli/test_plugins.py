import json


def test_installed_plugins_are_shown_without_a_daemon(typed):
    result = typed("plugins", "list")
    assert result.exit_code == 0
    assert "The handlers are not shown: no daemon answers" in result.stderr


def test_programs_are_told_that_no_daemon_answered(typed):
    answer = json.loads(typed("plugins", "list", "--json").stdout)
    assert isinstance(answer["items"], list)
    assert answer["handlers"] is None


async def test_a_running_daemon_tells_how_the_handlers_are_doing(ask, ask_json):
    result = await ask("plugins", "list")
    assert "forgotten" in result.stdout
    assert "unloaded" in result.stdout
    assert [handler["state"] for handler in (await ask_json("plugins", "list"))["handlers"]] == ["open", "unloaded"]


def test_a_daemon_that_was_named_must_answer(typed):
    assert typed("plugins", "list", "--url", "http://127.0.0.1:1").exit_code == 69
