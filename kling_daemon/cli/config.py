"""`kling-daemon config`: find out what is wrong with the configuration before the daemon is started."""

import click

from kling_daemon.cli.exit_codes import BAD_CONFIGURATION, ConfigurationExit
from kling_daemon.cli.output import json_option, print_json, printable
from kling_daemon.cli.where import Where, config_option, pass_where


@click.group()
@config_option
def config() -> None:
    """Check the configuration."""


@config.command("check")
@json_option
@config_option
@pass_where
def check_config(where: Where, *, as_json: bool) -> None:
    """Report every mistake in the configuration, the plugins' sections included; exits with 78 if there is any.

    Reads --config, else $KLING_DAEMON_CONFIG, else /etc/kling-daemon/config.toml, and the environment.
    """
    from kling_daemon.cli.checking import check
    from kling_daemon.config import ConfigError

    try:
        checked = check(where.config, for_run=False)
    except ConfigError as error:
        raise ConfigurationExit(str(error)) from None
    problems = [*checked.loaded.problems, *checked.problems]
    file = checked.loaded.file
    if as_json:
        print_json(
            {
                "file": None if file is None else str(file),
                "problems": [problem.as_json() for problem in problems],
                "handlers": [{"name": handler.name, "plugin": handler.plugin} for handler in checked.handlers],
            }
        )
        if problems:
            raise click.exceptions.Exit(BAD_CONFIGURATION)
        return
    try:
        checked.loaded.settings_or_raise(checked.problems)
    except ConfigError as error:
        raise ConfigurationExit(str(error)) from None
    source = "the environment and the defaults; there is no file" if file is None else str(file)
    names = ", ".join(handler.name for handler in checked.handlers) or "none"
    click.echo(printable(f"The configuration is sound ({source}). Handlers: {names}."))
    for plugin in checked.discovery.broken():
        click.echo(printable(f"Not used, and broken: {plugin.label}: {plugin.problem}"), err=True)
