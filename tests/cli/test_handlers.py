async def test_handlers_are_listed_with_their_state(ask, ask_json):
    result = await ask("handlers", "list")
    head, archive, forgotten = [line.split() for line in result.stdout.splitlines()]
    assert (result.exit_code, head[:3]) == (0, ["HANDLER", "PLUGIN", "STATE"])
    assert (archive[0], archive[2]) == ("archive", "open")
    assert (forgotten[0], forgotten[2]) == ("forgotten", "unloaded")
    assert [item["name"] for item in (await ask_json("handlers", "list"))["items"]] == ["archive", "forgotten"]


async def test_a_handler_that_is_gone_is_forgotten_once(ask, ask_json):
    assert await ask_json("handlers", "forget", "forgotten") == {"name": "forgotten", "dropped": 0}
    result = await ask("handlers", "forget", "forgotten")
    assert (result.exit_code, result.stderr) == (1, "Error: no handler has this name\n")


async def test_a_handler_that_is_loaded_is_not_forgotten(ask):
    result = await ask("handlers", "forget", "archive")
    assert result.exit_code == 1
    assert "is loaded" in result.stderr


def test_no_daemon_is_69_and_no_name_is_2(typed):
    assert typed("handlers", "list", "--url", "http://127.0.0.1:1").exit_code == 69
    assert typed("handlers", "forget").exit_code == 2
