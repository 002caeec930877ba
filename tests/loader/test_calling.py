# ruff: noqa: ARG001, ARG005 - the names of its parameters say what a hook is given

import asyncio
import functools

import pytest

from kling_daemon.loader.calling import HookError, UnsuitableError, adapt, inspect_call
from kling_daemon.loader.threads import HookThreads
from kling_daemon.plugin import Retry
from kling_daemon.testing import make_event

EVENT = make_event()
CONTEXT = object()


async def both(event, context):
    return {"event": event is EVENT, "context": context is CONTEXT}


def plain(context, event):
    return {"event": event is EVENT, "context": context is CONTEXT}


async def only_context(*, context):
    return {"context": context is CONTEXT}


def neither():
    return {}


async def with_more(event, extra=3, *, other=None):
    return {"event": event is EVENT, "extra": extra, "other": other}


class Object:
    async def __call__(self, event):
        return {"event": event is EVENT}

    def method(self, event):
        return {"event": event is EVENT}


@functools.wraps(both)
async def wrapped(*args, **kwargs):
    return await both(*args, **kwargs)


async def call(function):
    found = inspect_call(function)
    async with HookThreads(handler="h", size=1) as threads:
        return await adapt(lambda _: found, threads, handler="h")(EVENT, CONTEXT)


@pytest.mark.parametrize(
    ("function", "is_async", "result"),
    [
        (both, True, {"event": True, "context": True}),
        (plain, False, {"event": True, "context": True}),
        (only_context, True, {"context": True}),
        (neither, False, {}),
        (with_more, True, {"event": True, "extra": 3, "other": None}),
        (functools.partial(with_more, extra=5), True, {"event": True, "extra": 5, "other": None}),
        (functools.partial(functools.partial(with_more), other=1), True, {"event": True, "extra": 3, "other": 1}),
        (Object(), True, {"event": True}),
        (functools.partial(Object()), True, {"event": True}),
        (Object().method, False, {"event": True}),
        (wrapped, True, {"event": True, "context": True}),
    ],
)
async def test_a_function_is_called_the_way_it_is_written(function, is_async, result):
    assert inspect_call(function).is_async is is_async
    assert await call(function) == result


def generator(event):
    yield event


async def async_generator(event):
    yield event


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda events: None, "takes 'events'; only 'event' and 'context' are offered"),
        (lambda event, /: None, "takes 'event' by position only; it is given by name"),
        (lambda *args: None, "takes *args; it must name 'event', 'context' or both"),
        (lambda event, **more: None, "takes **more; it must name 'event', 'context' or both"),
        (generator, "is a generator; it must return"),
        (async_generator, "is a generator; it must return"),
        (dict.fromkeys, "takes 'iterable'; only 'event' and 'context' are offered"),
        (min, "has no signature that can be read"),
    ],
)
def test_what_cannot_be_called_is_refused_with_the_reason(function, expected):
    with pytest.raises(UnsuitableError) as caught:
        inspect_call(function)
    assert expected in str(caught.value)


async def test_what_a_hook_raises_arrives_as_it_is():
    async def waits(event):
        raise Retry(after=3)

    def blocks(event):
        raise Retry(after=3)

    for function in (waits, blocks):
        with pytest.raises(Retry):
            await call(function)


async def test_a_hook_cannot_end_the_process():
    async def waits(event):
        raise SystemExit

    def blocks(event):
        raise SystemExit

    for function in (waits, blocks):
        with pytest.raises(Exception, match=r"exit the process|ended with SystemExit"):
            await call(function)


async def test_a_hook_that_cancels_itself_is_told_from_one_that_we_cancel():
    async def cancels_itself(event):
        raise asyncio.CancelledError

    begun = asyncio.Event()

    async def waits(event):
        begun.set()
        await asyncio.Event().wait()

    with pytest.raises(HookError, match="cancelled from within"):
        await call(cancels_itself)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(call(waits), name="hook under test")
        await begun.wait()
        task.cancel()
    assert task.cancelled()


async def test_a_plain_function_that_returns_a_coroutine_fails_clearly():
    def decorated(event):
        return both(event, None)

    with pytest.raises(HookError, match="returned something to await; use async def"):
        await call(decorated)


async def test_a_result_that_is_no_mapping_is_as_none():
    assert await call(lambda event: 7) is None
    assert await call(lambda event: None) is None
