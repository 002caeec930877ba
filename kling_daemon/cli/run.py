"""`kling-daemon run`: the daemon itself."""

from typing import TYPE_CHECKING

import click

from kling_daemon.cli.exit_codes import FAILED, ConfigurationExit
from kling_daemon.cli.where import Where, config_option, pass_where

if TYPE_CHECKING:
    from pathlib import Path

    from kling_daemon.cli.checking import Checked
    from kling_daemon.config import Settings
    from kling_daemon.service import HangUp


@click.command()
@config_option
@pass_where
def run(where: Where) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; a second signal ends it at once, which loses nothing.

    SIGHUP has the configuration read anew, as `kling-daemon reload` does.

    Reads --config, else $KLING_DAEMON_CONFIG, else ./config.toml, else /etc/kling-daemon/config.toml, else runs on
    defaults. Exits with 78 and every mistake if the configuration cannot be used, with 1 if it cannot start.
    """
    from kling_daemon.service import HangUp

    hang_up = HangUp()  # before anything else, so that SIGHUP ends no daemon, not even one that is only starting
    from kling_daemon.cli.checking import check
    from kling_daemon.config import ConfigError

    try:
        checked = check(where.config, for_run=True)
        settings = checked.loaded.settings_or_raise(checked.problems)
    except ConfigError as error:
        raise ConfigurationExit(str(error)) from None
    obstacles = _run(settings, checked, where.config, hang_up)
    for obstacle in obstacles:
        click.echo(f"Error: {obstacle}", err=True)
    if obstacles:
        raise click.exceptions.Exit(FAILED)


def _run(settings: "Settings", checked: "Checked", config: "Path | None", hang_up: "HangUp") -> list[str]:
    """Run until the stop; return what kept the daemon from starting, if anything did."""
    import asyncio
    import io
    import os
    import sys
    from functools import partial

    import structlog

    from kling_daemon.api import TokenError
    from kling_daemon.app import rare_collections, run_daemon
    from kling_daemon.cli.checking import check_again
    from kling_daemon.listening import ListenError
    from kling_daemon.service import ActivationError, Supervision, allow_many_open_files
    from kling_daemon.store import StoreError
    from kling_daemon.telemetry import configure_logging

    configure_logging(settings.log.format, settings.log.level)
    allow_many_open_files()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a plugin prints is seen at once, in a pipe and a journal too
    log = structlog.get_logger(__name__)
    for plugin in checked.discovery.broken():
        log.warning("broken plugin", plugin=plugin.name, distribution=plugin.distribution, reason=plugin.problem)
    for warning in checked.warnings:
        log.warning("doubtful configuration", key=warning.path, reason=warning.message)
    obstacles: list[str] = []
    try:
        with rare_collections() as start_is_over:
            asyncio.run(
                run_daemon(
                    settings,
                    checked.handlers,
                    checked.discovery.plugins,
                    read=partial(check_again, checked, config),
                    supervision=Supervision.of(os.environ, hang_up),
                    ready=lambda _: start_is_over(),
                )
            )
    except* (
        StoreError,
        TokenError,
        ListenError,
        ActivationError,
    ) as group:  # a group, where it happened inside a task group
        obstacles += [str(error) for error in _leaves(group)]
    except* SystemExit:
        log.critical("a plugin has called sys.exit: the daemon ends, and loses nothing", exc_info=True)
        # Not in order: whatever was cut off in the middle might keep the interpreter from ending.
        os._exit(FAILED)
    return obstacles


def _leaves(error: Exception) -> list[Exception]:
    if isinstance(error, ExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
