# ruff: noqa: ARG001 - the names of its parameters say what a hook is given

import functools
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pydantic
import pytest

from kling_daemon.loader import InstalledPlugin, PluginStatus
from kling_daemon.loader.calling import UnsuitableError
from kling_daemon.loader.examination import examine
from kling_daemon.plugin import HandlerConfig, HandlerType, hookimpl

DESCRIBED = InstalledPlugin(name="mine", distribution="d", version="1", status=PluginStatus.READY)


class Config(HandlerConfig):
    directory: str = "/x"


@asynccontextmanager
async def open_it(_config, _context):
    yield None


def handler_type(**changes):
    fields = {"name": "download", "config": Config, "open": open_it, "events": {"job.completed"}}
    return HandlerType(**{**fields, **changes})


def reason(*, described=DESCRIBED, **hooks):
    with pytest.raises(UnsuitableError) as caught:
        examine(SimpleNamespace(**hooks), described)
    return str(caught.value)


def offering(offered):
    @hookimpl
    def kling_register_handlers():
        return offered

    return {"kling_register_handlers": kling_register_handlers}


@hookimpl
async def good(event):
    pass


def test_an_unknown_hook_is_refused_with_the_nearest_name():
    assert reason(kling_job_complete=good) == (
        "there is no hook named kling_job_complete; did you mean 'kling_job_completed'?"
    )


def test_an_optional_hook_of_a_later_version_is_passed_over():
    @hookimpl(optionalhook=True)
    def kling_of_tomorrow():
        pass

    plugin = SimpleNamespace(kling_of_tomorrow=kling_of_tomorrow, kling_job_completed=good)
    assert set(examine(plugin, DESCRIBED).hooks) == {"job.completed"}


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper", "tryfirst", "trylast"])
def test_what_makes_sense_between_plugins_only_is_refused(option):
    @hookimpl(**{option: True})
    def kling_job_completed(event):
        yield

    assert reason(kling_job_completed=kling_job_completed) == (
        f"kling_job_completed is marked {option}, which is not supported here"
    )


def test_a_hook_without_the_mark_is_no_silence():
    def kling_job_completed(event):
        pass

    assert reason(kling_job_completed=kling_job_completed) == (
        "kling_job_completed is not a function marked with @hookimpl"
    )
    marked_partial = hookimpl(functools.partial(kling_job_completed))
    assert "not a function marked" in reason(kling_job_completed=marked_partial)


def test_a_parameter_that_nobody_offers_is_refused():
    @hookimpl
    async def kling_job_failed(event, db):
        pass

    assert reason(kling_job_failed=kling_job_failed) == (
        "kling_job_failed takes 'db'; only 'event' and 'context' are offered"
    )


def test_a_plugin_without_hooks_and_a_class_are_refused():
    assert reason() == "it implements no hook; is @hookimpl missing?"
    with pytest.raises(UnsuitableError, match="names a class"):
        examine(SimpleNamespace, DESCRIBED)


def test_event_hooks_need_a_name_that_a_handler_can_bear():
    described = InstalledPlugin(name="../x", distribution="d", version="1", status=PluginStatus.READY)
    assert "cannot name a handler" in reason(described=described, kling_job_completed=good)


def test_an_object_that_cannot_be_looked_at_is_refused():
    class Hostile:
        def __dir__(self):
            raise RuntimeError("no")

    with pytest.raises(UnsuitableError, match="its hooks cannot be looked at: RuntimeError: no"):
        examine(Hostile(), DESCRIBED)


class Shadowing(HandlerConfig):
    timeout: int = 3


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (None, "must return a list of HandlerType"),
        ("download", "must return a list of HandlerType"),
        ([Config], "one is a ModelMetaclass"),
        ([handler_type(), handler_type()], "two handler types named 'download'"),
        ([handler_type(name="../x")], "its name must be made of"),
        ([handler_type(name=3)], "its name must be made of"),
        ([handler_type(config=dict)], "config must be a pydantic model"),
        ([handler_type(config=Shadowing)], "'timeout' is a key of every handler"),
        ([handler_type(events={"job.complete"})], "'job.complete' is no event; did you mean 'job.completed'?"),
        ([handler_type(events=set())], "names at least one event"),
        ([handler_type(events=3)], "events must be a set"),
        ([handler_type(events="job.completed")], "events must be a set"),
        ([handler_type(open=None)], "open cannot be called"),
    ],
)
def test_an_unsound_handler_type_is_refused(offered, expected):
    assert expected in reason(**offering(offered))


def test_a_raising_or_async_registration_is_refused():
    @hookimpl
    def raises():
        raise LookupError("oh")

    @hookimpl
    async def waits():
        return []

    assert reason(kling_register_handlers=raises) == "kling_register_handlers raised LookupError: oh"
    assert reason(kling_register_handlers=waits) == "kling_register_handlers must not be async"


def test_a_plain_pydantic_model_will_do_as_config():
    class Plain(pydantic.BaseModel):
        directory: str

    found = examine(SimpleNamespace(**offering([handler_type(config=Plain)])), DESCRIBED)
    assert [offered.name for offered in found.types] == ["download"]
