"""`kling-daemon config`: what is wrong with the configuration, what it comes to, and what may stand in it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.exit_codes import BAD_CONFIGURATION, ConfigurationExit
from kling_daemon.cli.output import json_option, print_json, print_table, printable
from kling_daemon.cli.where import Where, config_option, pass_where

if TYPE_CHECKING:
    from kling_daemon.cli.checking import Checked

HEADINGS = ("KEY", "VALUE", "FROM")
_CHANGED_BY = {True: "reload", False: "restart"}
_NO_FILE = "the environment and the defaults; there is no file"


@click.group()
@config_option
def config() -> None:
    """Check the configuration, and see what it comes to."""


@config.command("check")
@json_option
@config_option
@pass_where
def check_config(where: Where, *, as_json: bool) -> None:
    """Report every mistake in the configuration, the plugins' sections included; exits with 78 if there is any.

    Warns of what works and yet is doubtful, which changes no exit code, and says of each webhook secret whether a
    reload changes it or only a restart.

    Reads --config, else $KLING_DAEMON_CONFIG, else /etc/kling-daemon/config.toml, and the environment.
    """
    from kling_daemon.cli.local_answers import CheckedModel
    from kling_daemon.config import ConfigError
    from kling_daemon.config.rotation import rotations

    checked = _checked(where)
    file = checked.loaded.file
    if as_json:
        answer = CheckedModel.model_validate(
            {
                "file": None if file is None else str(file),
                "problems": [problem.as_json() for problem in checked.all_problems],
                "warnings": [warning.as_json() for warning in checked.warnings],
                "handlers": [{"name": handler.name, "plugin": handler.plugin} for handler in checked.handlers],
                "webhook_secrets": [
                    {"name": secret.name, "place": secret.place, "changed_by": _CHANGED_BY[secret.is_live]}
                    for secret in rotations(checked.loaded)
                ],
            }
        )
        print_json(answer.as_json())
        if answer.problems:
            raise click.exceptions.Exit(BAD_CONFIGURATION)
        return
    try:
        checked.loaded.settings_or_raise(checked.problems)
    except ConfigError as error:
        raise ConfigurationExit(str(error)) from None
    source = _NO_FILE if file is None else str(file)
    if file is None and Path("config.toml").is_file():
        source += "; ./config.toml is read by `run`, and here with --config config.toml"
    names = ", ".join(handler.name for handler in checked.handlers) or "none"
    click.echo(printable(f"The configuration is sound ({source}). Handlers: {names}."))
    for secret in rotations(checked.loaded):
        how = _CHANGED_BY[secret.is_live]
        click.echo(printable(f"Webhook secret {secret.name}: from {secret.place}, changed by a {how}."))
    for warning in checked.warnings:
        click.echo(printable(f"Warning: {warning}"), err=True)
    for plugin in checked.discovery.broken():
        click.echo(printable(f"Not used, and broken: {plugin.label}: {plugin.problem}"), err=True)


@config.command("show")
@click.option("--changed", is_flag=True, help="Leave out what is at its default.")
@json_option
@config_option
@pass_where
def show_config(where: Where, *, changed: bool, as_json: bool) -> None:
    """Show what each key comes to, and where that comes from; secrets are not shown.

    With mistakes it shows what would be without the keys that are wrong, and exits with 78. It reads what a daemon
    started here and now would read; one that runs has read what there was when it started.
    """
    from kling_daemon.cli.effective import effective
    from kling_daemon.cli.local_answers import ShownConfigModel

    checked = _checked(where)
    settings = [entry for entry in effective(checked) if not (changed and entry.origin == "default")]
    file = checked.loaded.file
    if as_json:
        answer = ShownConfigModel.model_validate(
            {
                "file": None if file is None else str(file),
                "problems": [problem.as_json() for problem in checked.all_problems],
                "settings": [asdict(entry) for entry in settings],
            }
        )
        print_json(answer.as_json())
    elif settings:
        print_table(HEADINGS, [(entry.key, entry.text, entry.place or entry.origin) for entry in settings])
    if checked.all_problems:
        from kling_daemon.config import ConfigError

        if not as_json:
            click.echo(ConfigurationExit(str(ConfigError(checked.all_problems, file))).format_message(), err=True)
        raise click.exceptions.Exit(BAD_CONFIGURATION)


@config.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of the configuration file, installed plugins included; editors complete and check by it."""
    from kling_daemon.config.schema import config_schema
    from kling_daemon.loader import discover

    types = {name: offered.config for name, (_, offered) in discover().types().items()}
    print_json(config_schema(types))


def _checked(where: Where) -> "Checked":
    from kling_daemon.cli.checking import check
    from kling_daemon.config import ConfigError

    try:
        return check(where.config, for_run=False)
    except ConfigError as error:
        raise ConfigurationExit(str(error)) from None
