"""`kling-daemon reload`: have the daemon read its configuration anew, and be told what came of it."""

import os
import signal

import click

from kling_daemon.cli.exit_codes import BAD_CONFIGURATION, ConfigurationExit
from kling_daemon.cli.output import json_option, print_json, printable
from kling_daemon.cli.where import Where, pass_where, talk, where_options


@click.command()
@click.option(
    "--pid",
    type=click.IntRange(min=2),
    metavar="PID",
    help="The daemon's process: where its API cannot be asked, it is sent SIGHUP.",
)
@json_option
@where_options
@pass_where
def reload(where: Where, *, pid: int | None, as_json: bool) -> None:
    """Have the daemon read its configuration anew; tells what is in force now, and what takes a restart.

    With a mistake in it nothing changes: every one is told, and the exit code is 78. SIGHUP does the same, and only the
    log tells of it.
    """
    try:
        found = talk(where, lambda daemon: daemon.reload())
    except (ConfigurationExit, click.UsageError):
        raise
    except click.ClickException as error:
        if pid is None:
            raise
        _signal(pid, error.format_message())
        return
    if as_json:
        print_json(found.as_json())
    elif found.problems:
        from kling_daemon.problems import Problem, listed

        problems = [Problem(path=problem.path, message=problem.message) for problem in found.problems]
        told = listed(problems, f"the configuration ({found.file or 'the environment'})")
        click.echo(printable("Nothing has changed: the daemon goes on with what it had."), err=True)
        for line in told.splitlines():
            click.echo(printable(line), err=True)
    else:
        applied = ", ".join(found.applied)
        click.echo(printable(f"Now in force: {applied}." if applied else "Nothing that can change had changed."))
        if found.restart:
            click.echo(printable(f"Changed, but only a restart puts it into force: {', '.join(found.restart)}."))
    if found.problems:
        raise click.exceptions.Exit(BAD_CONFIGURATION)


def _signal(pid: int, why: str) -> None:
    """Have a process reload that cannot be asked, as while the token is exchanged; its log alone tells of it."""
    try:
        os.kill(pid, signal.SIGHUP)
    except OSError as error:
        raise click.ClickException(f"{why}; and process {pid} cannot be sent SIGHUP: {error.strerror}") from None
    click.echo(printable(f"{why}. So process {pid} was sent SIGHUP; its log tells what came of it."), err=True)
