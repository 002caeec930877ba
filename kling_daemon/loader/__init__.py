"""Finds the installed plugins, says what is wrong with them, and makes handlers of what the operator configured."""

from kling_daemon.loader.configuring import configure
from kling_daemon.loader.discovery import discover
from kling_daemon.loader.installed import Discovery, InstalledPlugin, PluginStatus

__all__ = ["Discovery", "InstalledPlugin", "PluginStatus", "configure", "discover"]
