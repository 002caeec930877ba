"""`kling-daemon health`: whether the daemon does its work, for people, scripts and container checks."""

import click

from kling_daemon.cli.exit_codes import FAILED
from kling_daemon.cli.output import json_option, print_json, printable
from kling_daemon.cli.where import Where, pass_where, talk, where_options


@click.command()
@json_option
@where_options
@pass_where
def health(where: Where, *, as_json: bool) -> None:
    """Tell whether the daemon does its work; exits with 1, and says why, when it does not.

    Needs no token.
    """
    found = talk(where, lambda daemon: daemon.health())
    if as_json:
        print_json(found.as_json())
    elif found.ready:
        click.echo("ready")
    else:
        for reason in found.reasons:
            click.echo(f"not ready: {printable(reason)}")
    if not found.ready:
        raise click.exceptions.Exit(FAILED)
