"""How event hooks and `handle` methods are called: decided once, from the signature, and refused where unclear."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from kling_daemon.contexts import DeliveryContext
from kling_daemon.events import Item
from kling_daemon.handlers import Invoke
from kling_daemon.loader.threads import HookThreads

log = structlog.get_logger(__name__)

_OFFERED = ("event", "context")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_STARRED = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class UnsuitableError(Exception):
    """A plugin offers something that cannot be called or used; the message says what and why."""


class HookError(Exception):
    """A hook did what no hook may do; its delivery is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function together with how it wants to be called."""

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    """Which of `event` and `context` it takes; they are given by name."""
    is_async: bool
    """A coroutine function, run on the loop; any other is run on the handler's own threads."""

    def arguments(self, item: Item, context: DeliveryContext) -> dict[str, Any]:
        """Return what to call it with."""
        offered = {"event": item, "context": context}
        return {name: offered[name] for name in self.parameters}


def inspect_call(function: Callable[..., Any]) -> Call:
    """Return how a function, method, partial or callable object is called. Raises UnsuitableError."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise UnsuitableError("has no signature that can be read") from None
    taken = []
    for name, parameter in signature.parameters.items():
        if parameter.kind in _STARRED:
            raise UnsuitableError(f"takes {_STARRED[parameter.kind]}{name}; it must name 'event', 'context' or both")
        if name in _OFFERED and parameter.kind in _NAMED:
            taken.append(name)
        elif name in _OFFERED:
            raise UnsuitableError(f"takes '{name}' by position only; it is given by name")
        elif parameter.default is inspect.Parameter.empty:
            raise UnsuitableError(f"takes '{name}'; only 'event' and 'context' are offered")
    target = _target(function)
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise UnsuitableError("is a generator; it must return")
    return Call(function=function, parameters=tuple(taken), is_async=inspect.iscoroutinefunction(target))


def _target(function: Any) -> Any:
    """Return the function that runs in the end, under partials and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__


def adapt(choose: Callable[[Item], Call], threads: HookThreads, *, handler: str) -> Invoke:
    """Return what a lane calls: for each item it calls what is chosen for it, in that one's own way."""

    async def invoke(item: Item, context: DeliveryContext) -> Mapping[str, Any] | None:
        call = choose(item)
        arguments = call.arguments(item, context)
        if call.is_async:
            result = await _guard(call.function(**arguments))
        else:
            result = await threads.run(functools.partial(call.function, **arguments))
            if inspect.isawaitable(result):
                if inspect.iscoroutine(result):
                    result.close()
                raise HookError("a plain function (a decorator's?) returned something to await; use async def")
        if result is None or isinstance(result, Mapping):
            return result
        log.warning("result ignored, as it is no mapping", handler=handler, result_type=type(result).__name__)
        return None

    return invoke


async def _guard(running: Awaitable[Any]) -> Any:
    """Await a hook without letting it end the process, or look as if we had interrupted it."""
    try:
        return await running
    except SystemExit:
        raise HookError("the hook tried to exit the process") from None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise HookError("the hook was cancelled from within") from error
