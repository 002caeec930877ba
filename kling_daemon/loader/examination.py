"""Examining one imported plugin: which hooks it implements, which handler types it offers, and whether all is sound."""

import inspect
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pluggy
import pydantic

from kling_daemon import hookspecs
from kling_daemon.config import HandlerSettings
from kling_daemon.config.settings import is_handler_name
from kling_daemon.events import SUBSCRIBABLE
from kling_daemon.handlers import HandlerType
from kling_daemon.hookspecs import EVENT_HOOKS, PROJECT
from kling_daemon.loader.calling import UnsuitableError, inspect_call
from kling_daemon.loader.installed import InstalledPlugin
from kling_daemon.spelling import did_you_mean

REGISTER = "kling_register_handlers"
HOOKS = frozenset({REGISTER, *EVENT_HOOKS})

_REFUSED = ("wrapper", "hookwrapper", "tryfirst", "trylast")
"""Options of pluggy's that make sense between plugins only; ours are called one by one and never see each other."""


def examine(plugin: object, described: InstalledPlugin) -> InstalledPlugin:
    """Return the description completed with what the plugin offers. Raises UnsuitableError with what is wrong."""
    if isinstance(plugin, type):
        raise UnsuitableError("the entry point names a class; it must name a module or an object")
    manager = pluggy.PluginManager(PROJECT)  # one for each plugin, so that none's mistake is another's
    functions = _hooks_of(plugin, manager)
    types = _types_of(functions.pop(REGISTER)) if REGISTER in functions else ()
    hooks = {}
    for name, function in functions.items():
        try:
            hooks[EVENT_HOOKS[name]] = inspect_call(function)
        except UnsuitableError as error:
            raise UnsuitableError(f"{name} {error}") from None
    _hold_against_specifications(manager)
    if not hooks and not types:
        raise UnsuitableError("it implements no hook; is @hookimpl missing?")
    if hooks and not is_handler_name(described.name):
        raise UnsuitableError("its entry point's name cannot name a handler: letters, digits, '_', '-' and '.' only")
    return replace(described, types=types, hooks=hooks)


def _hooks_of(plugin: object, manager: pluggy.PluginManager) -> dict[str, Callable[..., Any]]:
    """Return the functions by which a plugin implements our hooks; pluggy finds them."""
    try:
        manager.register(plugin)
    except Exception as error:  # noqa: BLE001 - looking at a foreign object may run anything
        raise UnsuitableError(f"its hooks cannot be looked at: {type(error).__name__}: {error}") from None
    functions = {}
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            refused = [option for option in _REFUSED if getattr(implementation, option)]
            if refused:
                raise UnsuitableError(f"{caller.name} is marked {refused[0]}, which is not supported here")
            if caller.name in HOOKS:
                functions[caller.name] = implementation.function
            elif not implementation.optionalhook:
                raise UnsuitableError(f"there is no hook named {caller.name}{did_you_mean(caller.name, HOOKS)}")
    for name in HOOKS - set(functions):
        if callable(inspect.getattr_static(plugin, name, None)):
            raise UnsuitableError(f"{name} is not a function marked with @hookimpl")
    return functions


def _hold_against_specifications(manager: pluggy.PluginManager) -> None:
    try:
        manager.add_hookspecs(hookspecs)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise UnsuitableError(" ".join(str(error).split())) from None


def _types_of(register: Callable[..., Any]) -> tuple[HandlerType, ...]:
    if inspect.iscoroutinefunction(register):
        raise UnsuitableError(f"{REGISTER} must not be async")
    try:
        offered = register()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the plugin's code
        raise UnsuitableError(f"{REGISTER} raised {type(error).__name__}: {error}") from None
    if not isinstance(offered, Iterable) or isinstance(offered, str):
        raise UnsuitableError(f"{REGISTER} must return a list of HandlerType")
    types = tuple(_sound_type(candidate) for candidate in offered)
    names = [handler_type.name for handler_type in types]
    for name in names:
        if names.count(name) > 1:
            raise UnsuitableError(f"it offers two handler types named '{name}'")
    return types


def _sound_type(candidate: object) -> HandlerType:
    """Return the candidate if its fields are what their annotations promise, which nothing has checked so far."""
    if not isinstance(candidate, HandlerType):
        raise UnsuitableError(f"{REGISTER} must return a list of HandlerType; one is a {type(candidate).__name__}")
    name: Any = candidate.name
    config: Any = candidate.config
    events: Any = candidate.events
    what = f"handler type '{name}'"
    if not (isinstance(name, str) and is_handler_name(name)):
        raise UnsuitableError(f"{what}: its name must be made of letters, digits, '_', '-' and '.'")
    if not (isinstance(config, type) and issubclass(config, pydantic.BaseModel)):
        raise UnsuitableError(f"{what}: config must be a pydantic model")
    taken = sorted(set(config.model_fields) & set(HandlerSettings.model_fields))
    if taken:
        raise UnsuitableError(f"{what}: '{taken[0]}' is a key of every handler and cannot be one of its own")
    if not isinstance(events, AbstractSet) or not events:
        raise UnsuitableError(f"{what}: events must be a set that names at least one event")
    unknown = sorted({str(event) for event in events} - set(SUBSCRIBABLE))
    if unknown:
        raise UnsuitableError(f"{what}: '{unknown[0]}' is no event{did_you_mean(unknown[0], SUBSCRIBABLE)}")
    if not callable(candidate.open):
        raise UnsuitableError(f"{what}: open cannot be called")
    return candidate
