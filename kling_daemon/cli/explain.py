"""`kling-daemon explain`: one job's life as a story."""

import click

from kling_daemon.cli.candidates import complete_jobs
from kling_daemon.cli.output import json_option, print_json
from kling_daemon.cli.where import Where, pass_where, talk, where_options


@click.command()
@click.argument("job", shell_complete=complete_jobs)
@json_option
@where_options
@pass_where
def explain(where: Where, *, job: str, as_json: bool) -> None:
    """Tell what happened to one job, named by any of its ids, and what comes next.

    Times are counted from the job's creation.
    """
    from datetime import UTC, datetime

    from kling_daemon.cli.story import story

    timeline = talk(where, lambda daemon: daemon.timeline(job))
    if as_json:
        print_json(timeline.as_json())
        return
    for line in story(timeline, datetime.now(UTC)):
        click.echo(line)
