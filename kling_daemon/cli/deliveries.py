"""`kling-daemon deliveries`: see what handlers were given, and give it again or drop it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.candidates import complete_deliveries, complete_handlers, complete_jobs
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table
from kling_daemon.cli.pages import ask_for_page, page_options, print_page
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kling_daemon.client import Daemon
    from kling_daemon.client.models import DeliveryModel

STATES = ("pending", "running", "done", "dead", "dropped")
"""`DeliveryState`, written out: importing it would take a quarter of the time that `--help` may take."""


_ids_argument = click.argument(
    "ids",
    metavar="DELIVERY...",
    nargs=-1,
    required=True,
    type=click.IntRange(min=1),
    shell_complete=complete_deliveries,
)


@click.group()
@where_options
def deliveries() -> None:
    """See what handlers were given, and give it again or drop it."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
@click.option("--handler", metavar="NAME", shell_complete=complete_handlers, help="Only this handler's.")
@click.option("--job", metavar="JOB", shell_complete=complete_jobs, help="Only those about this job.")
@page_options
@json_option
@where_options
@pass_where
def list_deliveries(
    where: Where,
    *,
    state: str | None,
    handler: str | None,
    job: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """Show deliveries, the latest first; `--state dead` shows those that need a person."""
    from kling_daemon.cli.delivery_views import HEADINGS, delivery_line

    page = ask_for_page(
        where,
        lambda daemon, most, begin: daemon.deliveries(state=state, handler=handler, job=job, limit=most, cursor=begin),
        limit=limit,
        cursor=cursor,
    )
    now = datetime.now(UTC)
    print_page(page, HEADINGS, [delivery_line(delivery, now) for delivery in page.items], as_json=as_json)


@deliveries.command("show")
@click.argument("number", metavar="DELIVERY", type=click.IntRange(min=1), shell_complete=complete_deliveries)
@json_option
@where_options
@pass_where
def show_delivery(where: Where, *, number: int, as_json: bool) -> None:
    """Show everything about one delivery, with its attempts."""
    delivery = talk(where, lambda daemon: daemon.delivery(number))
    if as_json:
        print_json(delivery.as_json())
        return
    from kling_daemon.cli.delivery_views import ATTEMPT_HEADINGS, attempt_line, delivery_facts

    print_facts(delivery_facts(delivery))
    if delivery.attempts:
        click.echo()
        print_table(ATTEMPT_HEADINGS, [attempt_line(attempt) for attempt in delivery.attempts])


@deliveries.command("retry")
@_ids_argument
@json_option
@where_options
@pass_where
def retry_deliveries(where: Where, *, ids: tuple[int, ...], as_json: bool) -> None:
    """Give deliveries that are dead, dropped or waiting all their attempts again, at once.

    Stops at the first that cannot be retried, and exits with 1.
    """
    _decide(where, ids, lambda daemon, number: daemon.retry_delivery(number), as_json=as_json)


@deliveries.command("drop")
@_ids_argument
@json_option
@where_options
@pass_where
def drop_deliveries(where: Where, *, ids: tuple[int, ...], as_json: bool) -> None:
    """Close deliveries for good that are dead or waiting: they are not tried any more.

    Stops at the first that cannot be dropped, and exits with 1.
    """
    _decide(where, ids, lambda daemon, number: daemon.drop_delivery(number), as_json=as_json)


def _decide(
    where: Where,
    ids: tuple[int, ...],
    decision: "Callable[[Daemon, int], Awaitable[DeliveryModel]]",
    *,
    as_json: bool,
) -> None:
    decided: list[DeliveryModel] = []

    async def decide_all(daemon: "Daemon") -> None:
        for number in ids:
            delivery = await decision(daemon, number)
            decided.append(delivery)  # one by one: what was decided is shown although the next is refused

    try:
        talk(where, decide_all)
    finally:
        if as_json:
            print_json({"items": [delivery.as_json() for delivery in decided], "next": None})
        elif decided:
            from kling_daemon.cli.delivery_views import HEADINGS, delivery_line

            now = datetime.now(UTC)
            print_table(HEADINGS, [delivery_line(delivery, now) for delivery in decided])
