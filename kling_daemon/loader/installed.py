"""What is installed: each plugin with what it offers, or with the reason why it cannot be used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from kling_daemon.handlers import HandlerType
from kling_daemon.loader.calling import Call


class PluginStatus(StrEnum):
    """Whether a plugin can be used."""

    READY = "ready"
    """It was imported and all of it is sound."""
    BROKEN = "broken"
    """None of it is used, for the plugin's problem. The others run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPlugin:
    """One entry point in the group `kling_daemon.plugins`."""

    name: str
    """The entry point's name; its event hooks form a handler of that name."""
    distribution: str
    version: str
    status: PluginStatus
    problem: str | None = None
    """Why it is broken; None for a ready one."""
    types: tuple[HandlerType, ...] = ()
    """The handler types that it offers; of a broken one those that are known, which are not used."""
    hooks: Mapping[str, Call] = field(default_factory=dict)
    """Its event hooks by what they react to: `job.completed`, …, `notice`; of a broken one as above."""

    @property
    def label(self) -> str:
        """How a person tells it from others."""
        return f"plugin '{self.name}' of {self.distribution} {self.version}"

    def broken(self, problem: str) -> "InstalledPlugin":
        """Return it as one that cannot be used."""
        return replace(self, status=PluginStatus.BROKEN, problem=problem)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `plugins list --json` shows."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "status": self.status,
            "problem": self.problem,
            "types": [handler_type.name for handler_type in self.types],
            "hooks": sorted(self.hooks),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """All that is installed."""

    plugins: tuple[InstalledPlugin, ...]
    """In the order of their names."""

    def types(self) -> dict[str, tuple[InstalledPlugin, HandlerType]]:
        """Return each usable handler type by its name, with the plugin that offers it."""
        return {offered.name: (plugin, offered) for plugin in self._usable() for offered in plugin.types}

    def hooked(self) -> dict[str, InstalledPlugin]:
        """Return the usable plugins with event hooks by their names."""
        return {plugin.name: plugin for plugin in self._usable() if plugin.hooks}

    def _usable(self) -> Iterator[InstalledPlugin]:
        return (plugin for plugin in self.plugins if plugin.status is PluginStatus.READY)

    def broken(self) -> Iterator[InstalledPlugin]:
        """Yield the plugins that cannot be used."""
        return (plugin for plugin in self.plugins if plugin.status is PluginStatus.BROKEN)

    def as_json(self) -> list[dict[str, Any]]:
        """Return what `plugins list --json` shows."""
        return [plugin.as_json() for plugin in self.plugins]
