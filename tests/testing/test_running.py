import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kling_daemon.ids import is_job_id
from kling_daemon.plugin import HandlerConfig, HandlerType, Reject, Retry, SubmitRefusedError, hookimpl
from kling_daemon.testing import (
    Acknowledged,
    ConfigError,
    Failed,
    Postponed,
    Rejected,
    UnsuitableError,
    make_event,
    make_notice,
    make_output,
    run_handler,
)


class GreeterConfig(HandlerConfig):
    greeting: str = "hello"


def greeter(handle, *, opened=None):
    """Offer a type whose handler has this `handle`."""

    @asynccontextmanager
    async def open_greeter(config, context):
        if opened is not None:
            opened.append((config, context))
        yield SimpleNamespace(handle=handle)

    return HandlerType(name="greet", config=GreeterConfig, open=open_greeter, events={"job.completed"})


async def test_a_handler_is_opened_with_its_configuration_and_called_with_what_it_takes():
    opened, seen = [], []

    async def handle(event):
        seen.append(event)
        return {"greeted": event.job.task_id}

    run = await run_handler(greeter(handle, opened=opened), make_event(), config={"greeting": "hi"})
    assert run.outcome == Acknowledged(result={"greeted": make_event().job.task_id})
    assert run.result == {"greeted": make_event().job.task_id}
    assert seen == [make_event()]
    assert opened[0][0] == GreeterConfig(greeting="hi")
    assert opened[0][1].name == "tested"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Retry("later", after=5), Postponed(after=timedelta(seconds=5), reason="later")),
        (Reject("never"), Rejected(reason="never")),
        (ValueError("broken"), Failed(error="ValueError: broken")),
    ],
)
async def test_what_a_handler_raises_means_what_it_means_to_the_daemon(error, outcome):
    async def handle(event):  # noqa: ARG001 - the name is the contract
        raise error

    run = await run_handler(greeter(handle), make_event())
    assert run.outcome == outcome
    assert run.raised is error
    assert run.result is None


async def test_a_handler_that_shows_no_sign_of_life_fails():
    async def handle():
        await asyncio.Event().wait()

    run = await run_handler(greeter(handle), make_event(), timeout=timedelta(seconds=0.1))
    assert isinstance(run.outcome, Failed)
    assert "no sign of life" in run.outcome.error


async def test_plain_handlers_run_on_a_thread():
    def handle(event, context):
        return {"attempt": context.attempt, "event": event.id}

    run = await run_handler(greeter(handle), make_event(), attempt=3)
    assert run.result == {"attempt": 3, "event": make_event().id}


async def test_logs_steps_and_submissions_are_kept():
    async def handle(event, context):
        job_id = await context.step("submit", lambda: context.submit("/v1/x", {"video": event.job.task_id}, key="a"))
        await context.save_cursor({"page": context.attempt})
        context.log.info("submitted", follow_up=job_id)

    first = await run_handler(greeter(handle), make_event())
    assert [(line.level, line.event) for line in first.logs] == [("info", "submitted")]
    assert first.submitted[0].endpoint == "/v1/x"
    assert first.submitted[0].job_id == first.logs[0].values["follow_up"]
    second = await run_handler(greeter(handle), make_event(), attempt=2, steps=first.steps)
    assert second.submitted == ()
    assert second.logs == first.logs
    assert second.steps["cursor"] == {"page": 2}


async def test_the_same_follow_up_is_the_same_job_in_every_attempt():
    async def handle(context):
        return {"ids": [await context.submit("/v1/x", {}), await context.submit("/v1/x", {})]}

    first = await run_handler(greeter(handle), make_event())
    second = await run_handler(greeter(handle), make_event(), attempt=2)
    assert first.result == second.result
    assert len(set(first.result["ids"])) == len(first.submitted) == 1
    assert is_job_id(first.result["ids"][0])


@pytest.mark.parametrize(("endpoint", "body"), [("no path", {}), ("/v1/x", {"callback_url": 5}), ("/v1/x", {"a": {1}})])
async def test_a_follow_up_that_the_daemon_would_refuse_is_refused(endpoint, body):
    async def handle(context):
        await context.submit(endpoint, body)

    run = await run_handler(greeter(handle), make_event())
    assert isinstance(run.raised, SubmitRefusedError)
    assert run.submitted == ()


async def test_an_exception_can_be_logged_where_it_is_caught():
    async def handle(context):
        try:
            {}["nothing"]
        except LookupError:
            context.log.exception("nothing found", where="here")

    run = await run_handler(greeter(handle), make_event())
    assert [(line.level, line.event, line.values) for line in run.logs] == [
        ("error", "nothing found", {"where": "here"})
    ]


async def test_what_is_not_json_cannot_be_remembered():
    async def handle(context):
        await context.save_cursor({1, 2})

    run = await run_handler(greeter(handle), make_event())
    assert isinstance(run.raised, TypeError)


async def test_results_of_other_handlers_are_given():
    async def handle(context):
        return dict(context.results)

    run = await run_handler(greeter(handle), make_event(), results={"archive": {"files": []}, "other": None})
    assert run.result == {"archive": {"files": []}, "other": None}


async def test_the_given_directory_is_used(tmp_path):
    async def handle(context):
        (context.data_dir / "mark").touch()

    await run_handler(greeter(handle), make_event(), data_dir=tmp_path)
    assert (tmp_path / "mark").exists()


async def test_by_default_a_server_of_this_machine_may_be_asked_and_nothing_else_that_is_not_public():
    async def fetch(event, context):
        async with context.http.request("GET", event.job.outputs[0].url) as answer:
            return {"status": answer.status}

    async with TestServer(web.Application()) as server:
        run = await run_handler(greeter(fetch), make_event(outputs=(make_output(str(server.make_url("/"))),)))
    assert run.result == {"status": 404}
    run = await run_handler(greeter(fetch), make_event(outputs=(make_output("https://10.0.0.1/"),)))
    assert run.outcome == Rejected(
        reason='10.0.0.1 is a private address; [egress] networks = ["10.0.0.1/32"] would allow it'
    )


async def test_event_hooks_of_a_module_run_as_one_handler():
    class Plugin:
        @hookimpl
        async def kling_job_completed(self, event):
            return {"hook": event.type}

        @hookimpl
        def kling_notice(self, event):
            return {"hook": event.kind}

    assert (await run_handler(Plugin(), make_event())).result == {"hook": "job.completed"}
    assert (await run_handler(Plugin(), make_notice())).result == {"hook": "kling.silent"}


async def test_every_mistake_in_the_configuration_is_named():
    async def handle():
        pass

    with pytest.raises(ConfigError) as caught:
        await run_handler(greeter(handle), make_event(), config={"greting": "hi", "greeting": 7})
    assert "handlers.tested.greting: unknown key; did you mean 'greeting'?" in str(caught.value)
    assert "handlers.tested.greeting: must be text in quotes" in str(caught.value)


async def test_what_the_daemon_would_not_load_is_refused():
    async def handle(job):
        pass

    with pytest.raises(UnsuitableError, match="takes 'job'"):
        await run_handler(greeter(handle), make_event())
    with pytest.raises(UnsuitableError, match="no hook"):
        await run_handler(SimpleNamespace(), make_event())
