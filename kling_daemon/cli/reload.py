"""`kling-daemon reload`: have the daemon read its configuration anew, and be told what came of it."""

import click

from kling_daemon.cli.exit_codes import BAD_CONFIGURATION
from kling_daemon.cli.output import json_option, print_json, printable
from kling_daemon.cli.where import Where, pass_where, talk, where_options


@click.command()
@json_option
@where_options
@pass_where
def reload(where: Where, *, as_json: bool) -> None:
    """Have the daemon read its configuration anew; tells what is in force now, and what takes a restart.

    With a mistake in it nothing changes: every one is told, and the exit code is 78. SIGHUP does the same, and only the
    log tells of it.
    """
    found = talk(where, lambda daemon: daemon.reload())
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
