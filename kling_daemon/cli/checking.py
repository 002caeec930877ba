"""Reading everything that the operator configured, plugins included, and finding every mistake at once."""

import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from kling_daemon.app import doubts_about_secrets, examine_certificates, problems_with_secrets
from kling_daemon.clock import SystemClock
from kling_daemon.config import Loaded, Problem, Settings, find_config, load
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.loader import Discovery, configure, discover

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A configuration with all that it leads to."""

    loaded: Loaded
    discovery: Discovery
    handlers: tuple[ConfiguredHandler, ...]
    problems: tuple[Problem, ...]
    """Those that only plugins, the wire and the files know of; the others are in `loaded`."""
    doubts: tuple[Problem, ...] = ()
    """What works and yet is doubtful, as far as only the wire and the files know of it; the rest is in `loaded`."""

    @property
    def all_problems(self) -> list[Problem]:
        """Every mistake there is."""
        return [*self.loaded.problems, *self.problems]

    @property
    def warnings(self) -> list[Problem]:
        """Everything that works, and yet is doubtful."""
        return [*self.loaded.warnings, *self.doubts]


def check(config: Path | None, *, for_run: bool, discovery: Discovery | None = None) -> Checked:
    """Read and check the configuration. Raises ConfigError only where a named file does not exist.

    discovery: the plugins, where they were found already.
    """
    loaded = load(find_config(config, os.environ, for_run=for_run), os.environ)
    discovery = discovery or discover()
    if loaded.settings is None:
        return Checked(loaded=loaded, discovery=discovery, handlers=(), problems=())
    handlers, problems = configure(discovery, loaded.settings)
    # A secret that could not be read is told already; its plugin, which never saw it, would say that it is missing.
    told = {problem.path for problem in loaded.problems}
    unusable, doubts = examine_certificates(loaded.settings, SystemClock().now())
    found = (*problems_with_secrets(loaded.settings), *unusable, *problems)
    return Checked(
        loaded=loaded,
        discovery=discovery,
        handlers=handlers,
        problems=tuple(problem for problem in found if problem.path not in told),
        doubts=(*doubts_about_secrets(loaded.settings), *doubts),
    )


def check_again(checked: Checked, config: Path | None) -> tuple[Path | None, Settings]:
    """Read anew what a daemon was started with; return the file and what it says. Raises ConfigError for any mistake.

    The same file: where it is missing, be it only while an editor replaces it, the daemon must not go on with another,
    or with the defaults. The plugins are those of the start: a process cannot replace code that it has imported.
    """
    again = check(checked.loaded.file or config, for_run=True, discovery=checked.discovery)
    settings = again.loaded.settings_or_raise(again.problems)
    for warning in again.warnings:
        log.warning("doubtful configuration", key=warning.path, reason=warning.message)
    return again.loaded.file, settings
