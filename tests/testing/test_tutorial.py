"""The plugins of docs/plugins.md are run, not only read."""

import re
import sys
import types
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kling_daemon import contexts, testing
from kling_daemon.hookspecs import EVENT_HOOKS
from kling_daemon.testing import check_plugin, make_event, run_handler

TUTORIAL = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
HELLO, NOTIFY, TESTS = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)


def module(code, **names):
    made = types.ModuleType("tutorial")
    vars(made).update(names)
    exec(compile(code, "docs/plugins.md", "exec"), vars(made))  # noqa: S102 - running the documentation is the test
    return made


def test_the_smallest_plugin_has_at_most_ten_lines():
    assert len(HELLO.splitlines()) <= 10


async def test_the_smallest_plugin_passes_the_tests_that_are_shown(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "kling_hello", module(HELLO))
    shown = module(TESTS)
    shown.test_the_plugin_is_sound()
    await shown.test_it_prints_where_the_result_is(capsys)


async def test_the_plugin_with_configuration_runs():
    received = []

    async def hook(request):
        received.append((request.headers["Idempotency-Key"], await request.text()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", hook)
    notify = module(NOTIFY)
    assert check_plugin(notify) == []
    async with TestServer(app) as server:
        run = await run_handler(notify, make_event(), config={"url": str(server.make_url("/hook"))})
    event = make_event()
    assert run.result == {"status": 204}
    assert received == [(f"{event.id}:tested", f"Your video is ready: {event.job.id}")]


@pytest.mark.parametrize("name", [*EVENT_HOOKS, "kling_register_handlers"])
def test_every_hook_is_documented(name):
    assert name in TUTORIAL


def test_everything_that_a_context_offers_is_documented():
    offered = {name for name in vars(contexts.DeliveryContext) if not name.startswith("_")} - {"journal"}
    assert {name for name in offered if f"`{name}" not in TUTORIAL} == set()


def test_everything_in_the_test_kit_that_a_test_calls_is_documented():
    functions = {name for name in testing.__all__ if isinstance(getattr(testing, name), types.FunctionType)}
    assert {name for name in functions if f"{name}(" not in TUTORIAL} == set()
