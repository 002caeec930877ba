import asyncio

import pytest


async def test_a_ready_daemon_is_0(ask, ask_json):
    result = await ask("health")
    assert (result.exit_code, result.stdout) == (0, "ready\n")
    assert await ask_json("health") == {"ready": True, "reasons": []}


async def test_one_that_is_not_ready_is_1_with_each_reason(api, ask, ask_json):
    api.obstacles[:] = ["the database cannot commit", "Kling does not answer"]
    result = await ask("health")
    assert result.exit_code == 1
    assert result.stdout == "not ready: the database cannot commit\nnot ready: Kling does not answer\n"
    assert await ask_json("health", exit_code=1) == {"ready": False, "reasons": api.obstacles}


async def test_no_token_is_needed(api, typed):
    result = await asyncio.to_thread(typed, "health", "--url", api.target.url)
    assert result.exit_code == 0


@pytest.mark.parametrize(("words", "code"), [(("--url", "http://127.0.0.1:1"), 69), (("--url", "nonsense"), 2)])
def test_nobody_is_69_and_nonsense_is_2(typed, words, code):
    assert typed("health", *words).exit_code == code
