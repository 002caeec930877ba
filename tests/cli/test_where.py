import asyncio
import stat

import pytest
from aiohttp import web
from fakes.local_api import LOCAL, TOKEN, local_api

from kling_daemon.config import UnixAddress
from kling_daemon.listening import listening


@pytest.mark.parametrize(
    "words",
    [
        ["jobs", "list"],
        ["jobs", "wait", "x"],
        ["deliveries", "list"],
        ["submit", "/text-to-video/kling-3.0", "--prompt", "a"],
    ],
)
def test_a_daemon_that_does_not_run_is_69(typed, words):
    result = typed(*words)
    assert result.exit_code == 69
    assert "no daemon answers at http://127.0.0.1:8766" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("place", ["before", "after"])
async def test_the_url_may_stand_before_or_after_the_verb(api, typed, place):
    words = ["--url", api.target.url]
    words = [*words, "jobs", "list"] if place == "before" else ["jobs", "list", *words]
    result = await asyncio.to_thread(typed, *words, env={"KLING_DAEMON_TOKEN": TOKEN})
    assert result.exit_code == 0


async def test_without_a_token_it_is_said_where_one_is_looked_for(api, typed):
    result = await asyncio.to_thread(typed, "jobs", "list", "--url", api.target.url)
    assert result.exit_code == 1
    assert "wants a token, which is taken from KLING_DAEMON_TOKEN" in result.stderr


async def test_a_refused_token_is_not_shown(api, typed):
    env = {"KLING_DAEMON_TOKEN": "wrong-but-secret"}
    result = await asyncio.to_thread(typed, "jobs", "list", "--url", api.target.url, env=env)
    assert result.exit_code == 1
    assert "refuses the token" in result.stderr
    assert "wrong-but-secret" not in result.output


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:8766", "unix:relative", "http://", "http://x:99999", "http://u:p@x"]
)
def test_an_address_that_makes_no_sense_is_a_usage_error(typed, url):
    assert typed("jobs", "list", "--url", url).exit_code == 2


def test_a_configuration_that_was_named_must_exist(typed):
    result = typed("jobs", "list", "--config", "nowhere.toml")
    assert result.exit_code == 78
    assert "there is no file nowhere.toml" in result.stderr


async def test_the_socket_and_the_token_are_found_through_the_configuration(tmp_path, typed):
    state = tmp_path / "state"
    async with local_api(state, address=UnixAddress(path=tmp_path / "api.sock")):
        (state / "api-token").write_text(TOKEN)
        config = tmp_path / "kling.toml"
        config.write_text(f'[api]\nlisten = "unix:{tmp_path}/api.sock"\n[store]\ndirectory = "{state}"\n')
        result = await asyncio.to_thread(typed, "jobs", "list", "--config", config)
        assert result.exit_code == 0, result.output
        env = {"KLING_DAEMON_CONFIG": str(config)}
        assert (await asyncio.to_thread(typed, "jobs", "list", env=env)).exit_code == 0


async def test_the_users_own_socket_is_found_without_any_setting(tmp_path, typed):
    folder = tmp_path / "run" / "kling-daemon"
    folder.mkdir(parents=True)
    async with local_api(tmp_path / "state", address=UnixAddress(path=folder / "api.sock")):
        assert stat.S_ISSOCK((folder / "api.sock").stat().st_mode)
        result = await asyncio.to_thread(typed, "jobs", "list", env={"KLING_DAEMON_TOKEN": TOKEN})
        assert result.exit_code == 0, result.output


async def test_what_answers_but_is_no_daemon_is_said_to_be_none(typed):
    async def hello(_request):
        return web.Response(text="<h1>hello</h1>", content_type="text/html")

    other = web.Application()
    other.router.add_route("*", "/{path:.*}", hello)
    async with listening(other, LOCAL) as bound:
        result = await asyncio.to_thread(typed, "jobs", "list", "--url", f"http://{bound}")
    assert result.exit_code == 1
    assert "is no kling-daemon" in result.stderr
