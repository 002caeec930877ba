"""`kling-daemon events`: see what has happened to jobs and what happens, and have handlers given it again."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.candidates import complete_handlers, complete_jobs
from kling_daemon.cli.moments import MomentType
from kling_daemon.cli.output import json_option, print_columns, print_json_line
from kling_daemon.cli.pages import ask_for_page, page_options, print_page
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError
    from kling_daemon.client.models import EventModel

TYPES = ("job.status_changed", "job.completed", "job.failed")
"""`EventType`, written out, as importing it takes longer than `--help` may."""
HEADINGS = ("WHEN", "TYPE", "JOB", "CHANGE", "WHY")
WIDTHS = (20, 18, 36, 22)
"""Of the columns in a list without an end, which cannot be measured beforehand; of all but the last."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_job_option = click.option("--job", metavar="JOB", shell_complete=complete_jobs, help="Only those of this job.")
_types_option = click.option(
    "--type", "types", type=click.Choice(TYPES), multiple=True, help="Only this type; may be given several times."
)


@click.group()
@where_options
def events() -> None:
    """See what has happened to jobs and what happens, and have handlers given it again."""


@events.command("list")
@_job_option
@_types_option
@click.option("--since", type=MomentType(), help="Only from then on: 2026-11-21T19:18:39Z, or 90m for so long ago.")
@click.option("--until", type=MomentType(), help="Only before then.")
@click.option("--oldest-first", is_flag=True, help="In the order in which they happened.")
@page_options
@json_option
@where_options
@pass_where
def list_events(
    where: Where,
    *,
    job: str | None,
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    oldest_first: bool,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """Show events, the latest first."""
    page = ask_for_page(
        where,
        lambda daemon, most, begin: daemon.list_events(
            job=job, types=types, since=since, until=until, oldest_first=oldest_first, limit=most, cursor=begin
        ),
        limit=limit,
        cursor=cursor,
    )
    print_page(page, HEADINGS, [event_line(event) for event in page.items], as_json=as_json)


@events.command("tail")
@_job_option
@_types_option
@click.option("--since", type=MomentType(), help="Begin with what happened from then on.")
@click.option("--last", type=click.IntRange(1, 500), metavar="N", help="Begin with the last N events.")
@json_option
@where_options
@pass_where
def tail_events(
    where: Where,
    *,
    job: str | None,
    types: tuple[str, ...],
    since: datetime | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Show events as they happen, until Ctrl-C; one line each, with --json one object a line.

    When the daemon is away for a while, nothing is missed: it is waited for, and all that has happened is shown.
    """
    from kling_daemon.cli.interruption import InterruptedExit, run_interruptibly

    if since is not None and last is not None:
        raise click.UsageError("--since and --last both say where to begin; give one of them")

    def show(event: "EventModel") -> None:
        if as_json:
            print_json_line(event.as_json())
        else:
            print_columns(event_line(event), WIDTHS)

    async def follow(daemon: "Daemon") -> None:
        begin, cursor = since, None
        if last is not None:
            page = await daemon.list_events(job=job, types=types, limit=last)
            for event in reversed(page.items):
                show(event)
            # Without any, everything is later than the last one.
            begin, cursor = (None, page.items[0].cursor) if page.items else (_BEGINNING, None)
        async for event in daemon.events(job=job, types=types, since=begin, cursor=cursor, on_loss=_tell_loss):
            show(event)

    # Its only end is that somebody ends it, so that is how it is meant to end.
    with suppress(InterruptedExit):
        talk(where, follow, run=run_interruptibly)


@events.command("replay")
@click.option("--handler", metavar="NAME", required=True, shell_complete=complete_handlers, help="Who is given them.")
@_job_option
@_types_option
@click.option("--since", type=MomentType(), help="Only what happened from then on.")
@click.option("--until", type=MomentType(), help="Only what happened before then.  [default: now]")
@click.option("--cursor", metavar="NEXT", help="Go on where an interrupted replay ended.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@where_options
@pass_where
def replay_events(
    where: Where,
    *,
    handler: str,
    job: str | None,
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Give a handler stored events once more, also those that came before it was configured.

    They are delivered under the same idempotency keys, in order per job, with all attempts. Says how many there are
    and asks before it begins.
    """
    from kling_daemon.cli.replaying import Replaying

    if not (yes or dry_run or sys.stdin.isatty()):
        raise click.UsageError("there is nobody to be asked; say --yes to begin, or --dry-run to only count")
    replaying = Replaying(handler=handler, job=job, types=types, since=since, until=until, cursor=cursor)
    if not yes:
        talk(where, lambda daemon: replaying.run(daemon, dry_run=True))
        if dry_run or not replaying.total:
            replaying.show(done=False, as_json=as_json)
            return
        click.echo(replaying.words(done=False), err=True)
        click.confirm("Go on?", abort=True, err=True)
    try:
        talk(where, lambda daemon: replaying.run(daemon, dry_run=False))
    except click.ClickException:
        replaying.tell_where_it_ended()
        raise
    replaying.show(done=True, as_json=as_json)


def _tell_loss(error: "DaemonError | DaemonUnreachableError") -> None:
    click.echo(f"{error}; going on when the daemon answers", err=True)


def event_line(event: "EventModel") -> tuple[str, ...]:
    """Return an event's cells."""
    from kling_daemon.cli.job_views import moment

    job = event.job
    change = job.state if event.previous_state is None else f"{event.previous_state} > {job.state}"
    why = ": ".join(part for part in (job.reason or "", job.message) if part)
    return moment(event.occurred_at), event.type, event.job_id, change, why
