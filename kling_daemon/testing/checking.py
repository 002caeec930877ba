"""Whether a plugin is what the daemon expects: what it would refuse at start, and what it would regret later."""

import types
import typing
from importlib import metadata

from kling_daemon.handlers import HandlerType
from kling_daemon.hookspecs import ENTRY_POINT_GROUP
from kling_daemon.loader import InstalledPlugin, discover
from kling_daemon.loader.calling import UnsuitableError, inspect_call
from kling_daemon.testing.running import as_installed


def check_plugin(plugin: object | str) -> list[str]:
    """Return everything that is wrong with a plugin; a test asserts that it is nothing.

    plugin: what an entry point names (usually a module), or the name of an installed distribution, whose entry points
    are then looked at as well.
    """
    if isinstance(plugin, str):
        return _check_distribution(plugin)
    try:
        return _check_types(as_installed(plugin))
    except UnsuitableError as error:
        return [str(error)]


def _check_distribution(name: str) -> list[str]:
    try:
        found = metadata.distribution(name).entry_points.select(group=ENTRY_POINT_GROUP)
    except metadata.PackageNotFoundError:
        return [f"no distribution named {name} is installed"]
    if not found:
        return [f"{name} has no entry point in the group {ENTRY_POINT_GROUP}"]
    problems = []
    for installed in discover(found).plugins:
        own = [installed.problem] if installed.problem is not None else _check_types(installed)
        problems += [f"entry point '{installed.name}': {problem}" for problem in own]
    return problems


def _check_types(plugin: InstalledPlugin) -> list[str]:
    return [
        f"handler type '{offered.name}': {problem}"
        for offered in plugin.types
        for problem in (*_check_config(offered), *_check_handle(offered))
    ]


def _check_config(offered: HandlerType) -> list[str]:
    problems = []
    if offered.config.model_config.get("extra") != "forbid":
        problems.append("its configuration takes unknown keys, so that a typing mistake goes unseen; use HandlerConfig")
    if not offered.config.model_config.get("frozen"):
        problems.append("its configuration can be changed while it is used; use HandlerConfig")
    return problems


def _check_handle(offered: HandlerType) -> list[str]:
    """Look at `handle` if `open` says what it yields; `run_handler` looks at it in any case."""
    handle = getattr(_yielded(offered), "handle", None)
    if not isinstance(handle, types.FunctionType):
        return []
    try:
        inspect_call(types.MethodType(handle, object()))
    except UnsuitableError as error:
        return [f"handle {error}"]
    return []


def _yielded(offered: HandlerType) -> object:
    """Return the class that `open` is annotated to yield; None when that cannot be told."""
    try:
        returned = typing.get_type_hints(offered.open).get("return")
    except (NameError, TypeError):
        return None
    yielded = typing.get_args(returned)
    return yielded[0] if yielded else None
