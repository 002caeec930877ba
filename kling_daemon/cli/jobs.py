"""`kling-daemon jobs`: see jobs, wait for their ends, and give them up."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from kling_daemon.cli.candidates import complete_jobs
from kling_daemon.cli.durations import DurationType
from kling_daemon.cli.exit_codes import FAILED, UnreachableExit
from kling_daemon.cli.moments import MomentType
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table, printable
from kling_daemon.cli.pages import ask_for_page, page_options, print_page
from kling_daemon.cli.pairs import TAG
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client import DaemonError
    from kling_daemon.client.models import JobModel

STATES = ("queued", "submitted", "processing", "succeeded", "failed")
"""`JobState`, written out: importing it would take a quarter of the time that `--help` may take."""


@click.group()
@where_options
def jobs() -> None:
    """See jobs, wait for their ends, and give them up."""


@jobs.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--endpoint", metavar="PATH", help="Only jobs that were created at this path of Kling's.")
@click.option("--model", metavar="MODEL", help="Only jobs of this model.")
@click.option("--tag", type=TAG, metavar="KEY=VALUE", help="Only jobs with this tag.")
@click.option("--since", type=MomentType(), help="Only jobs known from then on: 2026-11-21T19:18:39Z, or 90m ago.")
@click.option("--overdue", is_flag=True, help="Only jobs that have been open for too long (poller.overdue_after).")
@page_options
@json_option
@where_options
@pass_where
def list_jobs(where: Where, /, *, limit: int, cursor: str | None, as_json: bool, **filters: Any) -> None:
    """Show jobs, the latest first."""
    from kling_daemon.cli.job_views import HEADINGS, job_lines

    page = ask_for_page(
        where,
        lambda daemon, most, begin: daemon.jobs(limit=most, cursor=begin, **filters),
        limit=limit,
        cursor=cursor,
    )
    print_page(page, HEADINGS, job_lines(page.items, datetime.now(UTC)), as_json=as_json)


@jobs.command("show")
@click.argument("job", shell_complete=complete_jobs)
@json_option
@where_options
@pass_where
def show_job(where: Where, *, job: str, as_json: bool) -> None:
    """Show everything about one job, named by its own id, Kling's task id or its external id."""
    from kling_daemon.cli.job_views import job_facts

    found = talk(where, lambda daemon: daemon.job(job))
    if as_json:
        print_json(found.as_json())
    else:
        print_facts(job_facts(found))


@jobs.command("wait")
@click.argument("references", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_jobs)
@click.option("--timeout", type=DurationType(), help="Stop waiting after this long, such as 90s, 5m or 1h30m.")
@json_option
@where_options
@pass_where
def wait_for_jobs(where: Where, *, references: tuple[str, ...], timeout: timedelta | None, as_json: bool) -> None:
    """Wait until each of the jobs has succeeded or failed.

    Exits with 1 if any failed, is unknown, or has not come to its end within the timeout.
    """
    from kling_daemon.cli.following import follow, is_live
    from kling_daemon.cli.job_views import HEADINGS, job_lines

    live = is_live(as_json=as_json)
    following = talk(where, lambda daemon: follow(daemon, references, timeout, live=live))
    found = following.found()
    if as_json:
        print_json({"items": [job.as_json() for job in found], "next": None})
    elif found:
        print_table(HEADINGS, job_lines(found, datetime.now(UTC)))
    for reference, error in following.errors.items():
        click.echo(f"Error: {reference}: {error}", err=True)
    if following.lost is not None:
        raise UnreachableExit(str(following.lost))
    if following.errors or any(job.state != "succeeded" for job in found):
        raise click.exceptions.Exit(FAILED)


@jobs.command("cancel")
@click.argument("references", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_jobs)
@json_option
@where_options
@pass_where
def cancel_jobs(where: Where, *, references: tuple[str, ...], as_json: bool) -> None:
    """Give up jobs that are still queued; they end as failed, cancelled, and cost nothing.

    Kling cannot cancel what it has taken: such a job goes on, and is named. Exits with 1 if there is any.
    """
    from kling_daemon.cli.giving_up import give_up

    cancelled, errors = talk(where, lambda daemon: give_up(references, daemon.cancel))
    _tell_given_up(cancelled, errors, "cancelled", as_json=as_json)


@jobs.command("abandon")
@click.argument("references", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_jobs)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@where_options
@pass_where
def abandon_jobs(where: Where, *, references: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Give up jobs for good that Kling has taken and will not tell of any more; they end as failed, lost.

    Kling may still work on them and bill them. Exits with 1 if any of them is not to be given up.
    """
    from kling_daemon.cli.giving_up import give_up

    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is nobody to be asked; say --yes to give up what Kling may still work on")
        click.echo("Kling may still work on this, and bill it. Its end will be told to handlers, and stands.", err=True)
        click.confirm(f"Give up {' '.join(map(printable, references))}?", abort=True, err=True)
    abandoned, errors = talk(where, lambda daemon: give_up(references, daemon.abandon))
    _tell_given_up(abandoned, errors, "given up", as_json=as_json)


def _tell_given_up(ended: "list[JobModel]", errors: "Mapping[str, DaemonError]", words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"items": [job.as_json() for job in ended], "next": None})
    else:
        for job in ended:
            click.echo(f"{job.id} is {words}")
    for reference, error in errors.items():
        click.echo(f"Error: {printable(reference)}: {error}", err=True)
    if errors:
        raise click.exceptions.Exit(FAILED)


@jobs.command("track")
@click.argument("task_ids", metavar="TASK_ID...", nargs=-1, required=True)
@click.option("--endpoint", metavar="PATH", help="The path that created them; needed for solutions and key pairs.")
@click.option("--external-id", metavar="ID", help="The id that its creator gave it, if Kling does not tell.")
@click.option("--tag", "tags", type=TAG, multiple=True, metavar="KEY=VALUE", help="A note on the jobs; repeatable.")
@json_option
@where_options
@pass_where
def track_jobs(
    where: Where,
    *,
    task_ids: tuple[str, ...],
    endpoint: str | None,
    external_id: str | None,
    tags: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Track tasks that were created elsewhere, by Kling's ids; Kling is asked about each at once.

    Exits with 1 when any of them is not tracked, since Kling does not know it or cannot be asked now.
    """
    from kling_daemon.cli.tracking import GOOD, tell_track, track
    from kling_daemon.client.models import NamedTaskModel

    if external_id is not None and len(set(task_ids)) > 1:
        raise click.UsageError("--external-id is that of one task; give one TASK_ID")
    noted = dict(tags)
    tasks = [NamedTaskModel(task_id=id_, endpoint=endpoint, external_id=external_id, tags=noted) for id_ in task_ids]
    found = talk(where, lambda daemon: track(daemon, tasks))
    if as_json:
        print_json({"items": [one.as_json() for one in found], "next": None})
    else:
        tell_track(found)
    if any(one.finding not in GOOD for one in found):
        raise click.exceptions.Exit(FAILED)


@jobs.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="By default as its name ends.")
@click.option("--endpoint", metavar="PATH", help="The path that created those for which the file names none.")
@click.option("--tag", "tags", type=TAG, multiple=True, metavar="KEY=VALUE", help="A note on the jobs; repeatable.")
@json_option
@where_options
@pass_where
def import_jobs(
    where: Where,
    *,
    file: BinaryIO,
    form: str | None,
    endpoint: str | None,
    tags: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Track the tasks that FILE names: ids, task objects or list answers of Kling's; - for standard input.

    A file with a line that names no task is refused as a whole. Imported again, nothing changes.
    """
    from kling_daemon.cli.batch_files import Form, Mistake, form_of
    from kling_daemon.cli.importing import tasks_of
    from kling_daemon.cli.tracking import GOOD, tell_track, track

    noted = dict(tags)
    read = list(tasks_of(file, Form(form or form_of(str(getattr(file, "name", "")))), endpoint, noted))
    mistakes = [one for one in read if isinstance(one, Mistake)]
    for mistake in mistakes:
        click.echo(f"line {mistake.number}: {printable(mistake.message)}", err=True)
    if mistakes:
        raise click.UsageError("nothing was imported")
    tasks = [one for one in read if not isinstance(one, Mistake)]
    found = talk(where, lambda daemon: track(daemon, [task for _, task in tasks]))
    if as_json:
        print_json({"items": [one.as_json() for one in found], "next": None})
    else:
        lines = {task.task_id: number for number, task in reversed(tasks)}
        tell_track(found, [lines[one.task_id] for one in found])
    if any(one.finding not in GOOD for one in found):
        raise click.exceptions.Exit(FAILED)
