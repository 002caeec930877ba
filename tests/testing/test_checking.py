from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pydantic
import pytest

from kling_daemon.plugin import HandlerConfig, HandlerContext, HandlerType, hookimpl
from kling_daemon.testing import check_plugin


class Lax(pydantic.BaseModel):
    greeting: str = "hello"


class Config(HandlerConfig):
    greeting: str = "hello"


class Greeter:
    async def handle(self, event, context):
        """Greet."""


@asynccontextmanager
async def open_greeter(config: Config, context: HandlerContext) -> AsyncIterator[Greeter]:  # noqa: ARG001 - the contract
    yield Greeter()


SOUND = HandlerType(name="greet", config=Config, open=open_greeter, events={"job.completed"})


class Demanding:
    def handle(self, job):
        """Greet."""


@asynccontextmanager
async def open_demanding(config: Config, context: HandlerContext) -> AsyncIterator[Demanding]:  # noqa: ARG001 - the contract
    yield Demanding()


def test_a_sound_plugin_has_no_problems():
    assert check_plugin(SOUND) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"config": Lax}, "takes unknown keys"),
        ({"events": {"job.finished"}}, "'job.finished' is no event"),
        ({"open": open_demanding}, "handle takes 'job'"),
        ({"name": "not a name"}, "its name must be made of"),
    ],
)
def test_a_mistake_is_named(change, problem):
    found = check_plugin(replace(SOUND, **change))
    assert any(problem in one for one in found)


def test_a_misspelt_hook_is_named():
    class Plugin:
        @hookimpl
        def kling_job_complete(self, event):
            """React."""

    assert "kling_job_completed" in check_plugin(Plugin())[0]


def test_nothing_at_all_is_a_problem():
    assert "no hook" in check_plugin(SimpleNamespace())[0]
    assert "installed" in check_plugin("kling-daemon-that-does-not-exist")[0]
    assert "no entry point" in check_plugin("pluggy")[0]


def test_an_installed_distribution_is_checked_through_its_entry_points():
    assert check_plugin("kling-daemon-download") == []
