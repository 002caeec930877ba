"""`kling-daemon callbacks`: see the kept callbacks, and check their signatures again."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kling_daemon.cli.candidates import complete_jobs
from kling_daemon.cli.exit_codes import FAILED
from kling_daemon.cli.moments import MomentType
from kling_daemon.cli.output import json_option, print_json, print_table
from kling_daemon.cli.pages import ask_for_page, page_options, print_page
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    pass

VERDICTS = ("believed", "hint", "unreadable")
"""`KeptVerdict`, written out: importing it would take a quarter of the time that `--help` may take."""


@click.group()
@where_options
def callbacks() -> None:
    """See the kept callbacks, and check their signatures again."""


@callbacks.command("list")
@click.option("--job", metavar="JOB", shell_complete=complete_jobs, help="Only those of this job.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only those that were judged so.")
@click.option("--since", type=MomentType(), help="Only those that came from then on: 2026-11-21T19:18:39Z, or 90m ago.")
@page_options
@json_option
@where_options
@pass_where
def list_callbacks(where: Where, /, *, limit: int, cursor: str | None, as_json: bool, **filters: Any) -> None:
    """Show the kept callbacks, the latest first, with the secret that matched. Of refused ones nothing is kept."""
    from kling_daemon.cli.callback_views import HEADINGS, callback_line

    page = ask_for_page(
        where,
        lambda daemon, most, begin: daemon.callbacks(limit=most, cursor=begin, **filters),
        limit=limit,
        cursor=cursor,
    )
    print_page(page, HEADINGS, [callback_line(callback) for callback in page.items], as_json=as_json)


@callbacks.command("verify")
@click.argument("job", required=False, shell_complete=complete_jobs)
@click.option("--all", "everything", is_flag=True, help="Check every callback that is kept.")
@click.option("--id", "number", metavar="CALLBACK", type=click.IntRange(min=1), help="Check the callback with this id.")
@click.option("--since", type=MomentType(), help="With --all: only those that came from then on.")
@json_option
@where_options
@pass_where
def verify_callbacks(
    where: Where, *, job: str | None, everything: bool, number: int | None, since: datetime | None, as_json: bool
) -> None:
    """Check the signatures of kept callbacks again: those of a job, one, or all.

    Each is checked as of when it came, with the secrets that the daemon has now. Exits with 1 if one does not verify,
    also because its secret is no longer configured.
    """
    if [job is not None, everything, number is not None].count(True) != 1:
        raise click.UsageError("say which callbacks: a job, --id CALLBACK, or --all")
    if since is not None and not everything:
        raise click.UsageError("--since goes with --all")
    from kling_daemon.cli.callback_views import CHECK_HEADINGS, check_line
    from kling_daemon.cli.evidence import Tally, check_all

    tally: Tally = talk(where, lambda daemon: check_all(daemon, job=job, callback=number, since=since))
    if as_json:
        print_json(tally.as_json())
    else:
        if tally.unproved:
            print_table(CHECK_HEADINGS, [check_line(callback) for callback in tally.unproved])
        click.echo(tally.summary)
    if not tally.is_sound:
        raise click.exceptions.Exit(FAILED)
