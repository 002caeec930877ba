# ruff: noqa: ARG001, ARG003, ARG005 - the names of its parameters say what a hook is given

from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pydantic
import pytest
import structlog
from fakes.dispatching import NoHttp

from kling_daemon.backoff import Backoff
from kling_daemon.config import load
from kling_daemon.handlers import HandlerType
from kling_daemon.loader import Discovery, InstalledPlugin, PluginStatus, configure
from kling_daemon.loader.calling import UnsuitableError
from kling_daemon.loader.examination import examine
from kling_daemon.plugin import HandlerConfig, HandlerContext, hookimpl
from kling_daemon.testing import make_event, make_notice

HOME = {"HOME": "/home/someone"}


class Nested(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    user: str = "me"


class Config(HandlerConfig):
    directory: Path
    parallel: int = pydantic.Field(default=1, ge=1)
    login: Nested = Nested()

    @pydantic.field_validator("directory")
    @classmethod
    def is_absolute(cls, directory):
        if not directory.is_absolute():
            raise ValueError("must be an absolute path")
        return directory


class Plain(pydantic.BaseModel):
    directory: str


class Hostile(HandlerConfig):
    @pydantic.model_validator(mode="before")
    @classmethod
    def check(cls, values):
        raise LookupError("a bug")


class Echo:
    def __init__(self, config, context):
        self.config, self.context = config, context

    async def handle(self, event):
        return {"directory": str(self.config.directory), "name": self.context.name, "event": event.id}


@asynccontextmanager
async def open_echo(config, context):
    yield Echo(config, context)


class Hooks:
    @hookimpl
    async def kling_job_completed(self, event):
        return {"by": "async", "id": event.id}

    @hookimpl
    def kling_notice(self, event):
        return {"by": "thread", "id": event.id}


def installed(name, plugin):
    return examine(
        plugin, InstalledPlugin(name=name, distribution=f"kling-{name}", version="1.0", status=PluginStatus.READY)
    )


def offering(*types):
    return SimpleNamespace(kling_register_handlers=hookimpl(lambda: list(types)))


def handler_type(name="download", config=Config, open_=open_echo):
    return HandlerType(name=name, config=config, open=open_, events={"job.completed"})


BROKEN = InstalledPlugin(
    name="broken", distribution="kling-broken", version="2.0", status=PluginStatus.BROKEN, problem="no module 'x'"
)
MEANT = "did you mean 'download'?"
BROKEN_TOLD = "plugin 'broken' of kling-broken 2.0 is broken: no module 'x'"
DISCOVERY = Discovery(
    plugins=(
        BROKEN,
        installed("files", offering(handler_type(), handler_type("plain", Plain), handler_type("hostile", Hostile))),
        installed("printer", Hooks()),
    )
)


@pytest.fixture
def read(tmp_path):
    def read(text, **environ):
        path = tmp_path / "config.toml"
        path.write_text(text)
        loaded = load(path, {**HOME, **environ})
        handlers, problems = configure(DISCOVERY, loaded.settings, name=loaded.name)
        return {handler.name: handler for handler in handlers}, [str(problem) for problem in loaded.problems + problems]

    return read


def context(name):
    return HandlerContext(name=name, log=structlog.get_logger(), data_dir=Path("/nonexistent"), http=NoHttp())


def test_event_hooks_form_a_handler_of_their_entry_point_s_name_without_any_section(read):
    handlers, problems = read("")
    assert problems == []
    assert handlers["printer"].events == {"job.completed", "notice"}
    assert handlers["printer"].plugin == "printer"
    assert handlers["printer"].policy.max_attempts == 12


def test_a_section_without_a_type_changes_or_stops_the_handler_of_event_hooks(read):
    handlers, problems = read('[handlers.printer]\nevents = ["notice"]\nconcurrency = 2\n')
    assert problems == []
    assert (handlers["printer"].events, handlers["printer"].concurrency) == ({"notice"}, 2)
    assert read("[handlers.printer]\nenabled = false\n") == ({}, [])


def test_one_type_has_as_many_instances_as_there_are_sections(read):
    handlers, problems = read(
        """
        [delivery]
        max_attempts = 3
        backoff = "1s"
        [handlers.here]
        type = "download"
        directory = "/a"
        [handlers.there]
        type = "download"
        directory = "/b"
        events = ["job.failed"]
        depends_on = ["here"]
        timeout = "1m"
        max_backoff = "2m"
        rate = 3
        """
    )
    assert problems == []
    here, there = handlers["here"], handlers["there"]
    assert (here.events, there.events) == ({"job.completed"}, {"job.failed"})
    assert (here.timeout, there.timeout) == (timedelta(minutes=10), timedelta(minutes=1))
    assert here.policy.max_attempts == there.policy.max_attempts == 3
    assert there.policy.backoff == Backoff(least=timedelta(seconds=1), longest=timedelta(minutes=2))
    assert (there.depends_on, there.rate) == (("here",), 3.0)


def test_all_mistakes_of_all_sections_are_told_at_once(read):
    handlers, problems = read(
        """
        [poller]
        intervalx = "5s"
        [handlers.archive]
        type = "download"
        directorx = "/x"
        parallel = 0
        concurrencx = 3
        login = { usr = "x" }
        [handlers.relative]
        type = "download"
        directory = "x"
        [handlers.plain]
        type = "plain"
        directory = "/x"
        directoryx = "/y"
        [handlers.bug]
        type = "hostile"
        [handlers.typo]
        type = "downloax"
        [handlers.nameless]
        [handlers.misspelt]
        typ = "download"
        [handlers.printer]
        directory = "/x"
        events = ["job.failed"]
        """,
        KLING_DAEMON_HANDLERS__RELATIVE__PARALLEL="many",
    )
    assert handlers == {}
    assert sorted(problems) == [
        "KLING_DAEMON_HANDLERS__RELATIVE__PARALLEL: must be a whole number",
        "handlers.archive.concurrencx: unknown key; did you mean 'concurrency'?",
        "handlers.archive.directorx: unknown key; did you mean 'directory'?",
        "handlers.archive.login.usr: unknown key; did you mean 'user'?",
        "handlers.archive.parallel: must be at least 1",
        "handlers.bug: could not be checked by its plugin: LookupError: a bug",
        "handlers.misspelt.typ: unknown key; did you mean 'type'?",
        "handlers.nameless: needs a type, as no installed plugin of this name has event hooks",
        "handlers.plain.directoryx: unknown key; did you mean 'directory'?",
        "handlers.printer.directory: unknown key",
        "handlers.printer.events: the plugin 'printer' of kling-printer 1.0 has no hook for 'job.failed'",
        "handlers.relative.directory: must be an absolute path",
        f"handlers.typo.type: no installed plugin offers the type 'downloax'; {MEANT} The {BROKEN_TOLD}.",
        "poller.intervalx: unknown key; did you mean 'interval'?",
    ]


def test_a_broken_plugin_stops_nothing_unless_its_handler_is_configured(read):
    assert read("")[1] == []
    assert read("[handlers.broken]\nenabled = false\n")[1] == []
    assert read("[handlers.broken]\n")[1] == [f"handlers.broken: the {BROKEN_TOLD}"]


def test_a_type_that_only_a_broken_plugin_offers_is_told_with_that_plugin_s_reason():
    refused = installed("files", offering(handler_type())).broken("two offer it")
    environ = {**HOME, "KLING_DAEMON_HANDLERS__ARCHIVE__TYPE": "download"}
    _, [problem] = configure(Discovery(plugins=(BROKEN, refused)), load(None, environ).settings_or_raise())
    assert problem.message == (
        "no installed plugin offers the type 'download'. The plugin 'files' of kling-files 1.0 is broken: two offer it."
    )


def test_one_name_for_event_hooks_and_an_instance_is_a_mistake_that_names_both(read):
    _, [problem] = read('[handlers.printer]\ntype = "download"\ndirectory = "/x"\n')
    assert problem == (
        "handlers.printer: the event hooks of the plugin 'printer' of kling-printer 1.0 already form a handler of this "
        "name; choose another for this one of type 'download' from the plugin 'files' of kling-files 1.0"
    )


def test_a_back_off_that_shrinks_is_a_mistake(read):
    _, [problem] = read('[handlers.printer]\nmax_backoff = "1s"\n')
    assert (
        problem
        == "handlers.printer.max_backoff: must not be less than backoff, this handler's own or the one in [delivery]"
    )


async def test_an_opened_instance_is_called_with_its_own_configuration(read):
    handlers, _ = read('[handlers.archive]\ntype = "download"\ndirectory = "/a"\n')
    event = make_event()
    async with handlers["archive"].open(context("archive")) as invoke:
        assert await invoke(event, object()) == {"directory": "/a", "name": "archive", "event": event.id}


async def test_an_opened_plugin_s_hooks_are_each_called_for_what_they_are_for(read):
    handlers, _ = read("")
    event, notice = make_event(), make_notice()
    async with handlers["printer"].open(context("printer")) as invoke:
        assert await invoke(event, object()) == {"by": "async", "id": event.id}
        assert await invoke(notice, object()) == {"by": "thread", "id": notice.id}


async def opens_nothing(config, context):
    return None


@asynccontextmanager
async def yields_nothing(config, context):
    yield None


@asynccontextmanager
async def yields_unsuitable(config, context):
    yield SimpleNamespace(handle=lambda job: None)


@asynccontextmanager
async def raises(config, context):
    raise ConnectionError("not now")
    yield


@pytest.mark.parametrize(
    ("open_", "kind", "expected"),
    [
        (opens_nothing, UnsuitableError, "must return an async context manager"),
        (yields_nothing, UnsuitableError, "must yield an object with a method `handle`"),
        (yields_unsuitable, UnsuitableError, "handle of type 'download' takes 'job'"),
        (raises, ConnectionError, "not now"),
    ],
)
async def test_a_type_that_cannot_be_opened_says_why(open_, kind, expected):
    discovery = Discovery(plugins=(installed("files", offering(handler_type(open_=open_))),))
    environ = {
        **HOME,
        "KLING_DAEMON_HANDLERS__ARCHIVE__TYPE": "download",
        "KLING_DAEMON_HANDLERS__ARCHIVE__DIRECTORY": "/a",
    }
    [handler], problems = configure(discovery, load(None, environ).settings_or_raise())
    assert problems == []
    with pytest.raises(kind, match=expected):
        async with handler.open(context("archive")):
            pass
