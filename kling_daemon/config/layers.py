"""The places that settings come from: the file, the environment, credentials, and what the environment implies."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from kling_daemon.config.lookup import CONFIG_VARIABLE
from kling_daemon.config.settings import Settings
from kling_daemon.problems import Problem

PREFIX = "KLING_DAEMON_"
RESERVED = frozenset({"KLING_DAEMON_URL", "KLING_DAEMON_TOKEN", "KLING_DAEMON_CA", CONFIG_VARIABLE})
"""Variables of the command line, which are no settings."""

Key = tuple[str, ...]
"""Where a setting stands in the tree: `("poller", "interval")`."""


class Layer(PydanticBaseSettingsSource):
    """One place that settings come from, as a tree of sections and keys."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        """Take a tree of its own."""
        super().__init__(Settings)
        self.tree = dict(tree)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - interface
        """Return one section's table; part of pydantic-settings' interface."""
        return self.tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the tree; part of pydantic-settings' interface."""
        return self.tree

    def forget(self, key: Key) -> bool:
        """Take out what stands at a key, or the value above it that left no room for it; True if there was any."""
        table: Any = self.tree
        for part in key[:-1]:
            if not isinstance(table.get(part), dict):
                return table.pop(part, None) is not None
            table = table[part]
        return table.pop(key[-1], None) is not None


def variable(key: Key) -> str:
    """Return the name of the variable that sets a key."""
    return PREFIX + "__".join(key).upper()


def set_by_environment(key: Key, environ: Mapping[str, str]) -> bool:
    """True when a variable sets this key, the table around it, or something in it."""
    return set_by_variable(key, environ) is not None


def set_by_variable(key: Key, environ: Mapping[str, str]) -> str | None:
    """Return the variable that sets this key, the table around it, or something in it; None when there is none."""
    name = variable(key)
    for set_name in sorted(environ):
        if not set_name.startswith(PREFIX) or set_name in RESERVED:
            continue
        if name == set_name or name.startswith(f"{set_name}__") or set_name.startswith(f"{name}__"):
            return set_name
    return None


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings that `KLING_DAEMON_SECTION__KEY` variables make, as a tree.

    A list or a table is written as in TOML; everything else is text, which each key reads in its own way.
    """
    tree: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                break
        if not isinstance(table, dict):
            above = variable(tuple(sections))
            problems.append(Problem(path=name, message=f"cannot be set beside {above}, which sets the table around it"))
        else:
            table[key] = _value(environ[name])
    return tree, problems


def _value(text: str) -> Any:
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            return tomllib.loads(f"value = {text.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            pass  # an IPv6 address begins like a list
    return text


def implied(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings whose defaults depend on where the daemon runs: systemd's state folder, else the XDG one."""
    if state := environ.get("STATE_DIRECTORY"):
        directory = Path(state.split(":")[0])
    else:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
        directory = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / "kling-daemon"
    return {"store": {"directory": str(directory)}}
