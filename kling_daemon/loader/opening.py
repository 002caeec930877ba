"""Opening a configured handler in its lane: a plugin's event hooks, or an instance of one of its types."""

import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pydantic

from kling_daemon.contexts import HandlerContext
from kling_daemon.events import Item
from kling_daemon.handlers import HandlerType, Invoke
from kling_daemon.loader.calling import Call, UnsuitableError, adapt, inspect_call
from kling_daemon.loader.threads import HookThreads

Open = Callable[[HandlerContext], AbstractAsyncContextManager[Invoke]]


def open_hooks(hooks: Mapping[str, Call], *, concurrency: int) -> Open:
    """Return what opens the handler that a plugin's event hooks form."""

    def choose(item: Item) -> Call:
        return hooks[item.type]

    @asynccontextmanager
    async def opened(context: HandlerContext) -> AsyncGenerator[Invoke]:
        async with HookThreads(handler=context.name, size=concurrency) as threads:
            yield adapt(choose, threads, handler=context.name)

    return opened


def open_instance(offered: HandlerType, config: pydantic.BaseModel, *, concurrency: int) -> Open:
    """Return what opens an instance of a handler type.

    Opening raises UnsuitableError where the plugin's code is not what a handler type must be, and whatever it raises.
    """

    @asynccontextmanager
    async def opened(context: HandlerContext) -> AsyncGenerator[Invoke]:
        opening = offered.open(config, context)
        if not isinstance(opening, AbstractAsyncContextManager):
            if inspect.iscoroutine(opening):
                opening.close()  # an `async def` that lacks its decorator; it would complain of never being awaited
            raise UnsuitableError(f"open of type '{offered.name}' must return an async context manager")
        async with HookThreads(handler=context.name, size=concurrency) as threads, opening as handler:
            handle = getattr(handler, "handle", None)
            if not callable(handle):
                raise UnsuitableError(f"open of type '{offered.name}' must yield an object with a method `handle`")
            try:
                call = inspect_call(handle)
            except UnsuitableError as error:
                raise UnsuitableError(f"handle of type '{offered.name}' {error}") from None
            yield adapt(lambda _: call, threads, handler=context.name)

    return opened
