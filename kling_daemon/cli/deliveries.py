"""`kling-daemon deliveries`: see what handlers were given, and give it again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.output import json_option, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client import Daemon
    from kling_daemon.client.models import DeliveryModel

STATES = ("pending", "running", "done", "dead", "dropped")
"""`DeliveryState`, written out: importing it would take a quarter of the time that `--help` may take."""
HEADINGS = ("DELIVERY", "HANDLER", "TYPE", "JOB", "STATE", "ATTEMPT", "WHEN", "ERROR")


@click.group()
@where_options
def deliveries() -> None:
    """See what handlers were given, and give it again."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
@click.option("--handler", metavar="NAME", help="Only this handler's.")
@click.option("--job", metavar="JOB", help="Only those about this job.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most that many.")
@click.option("--cursor", metavar="NEXT", help="Go on where an earlier list ended.")
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
    page = talk(
        where,
        lambda daemon: daemon.deliveries(state=state, handler=handler, job=job, limit=limit, cursor=cursor),
    )
    if as_json:
        print_json(page.as_json())
        return
    now = datetime.now(UTC)
    print_table(HEADINGS, [_line(delivery, now) for delivery in page.items])
    if page.next:
        click.echo(f"There are more: --cursor {page.next}", err=True)


@deliveries.command("retry")
@click.argument("ids", metavar="DELIVERY...", nargs=-1, required=True, type=click.IntRange(min=1))
@json_option
@where_options
@pass_where
def retry_deliveries(where: Where, *, ids: tuple[int, ...], as_json: bool) -> None:
    """Give deliveries that are dead, dropped or waiting all their attempts again, at once.

    Stops at the first that cannot be retried, and exits with 1.
    """
    retried: list[DeliveryModel] = []

    async def retry_all(daemon: "Daemon") -> None:
        for number in ids:
            delivery = await daemon.retry_delivery(number)
            retried.append(delivery)  # one by one: what was retried is shown although the next is refused

    try:
        talk(where, retry_all)
    finally:
        if as_json:
            print_json({"items": [delivery.as_json() for delivery in retried], "next": None})
        elif retried:
            now = datetime.now(UTC)
            print_table(HEADINGS, [_line(delivery, now) for delivery in retried])


def _line(delivery: "DeliveryModel", now: datetime) -> tuple[str, ...]:
    from kling_daemon.cli.durations import brief

    if delivery.finished_at is not None:
        when = f"{brief(now - delivery.finished_at)} ago"
    elif delivery.due_at > now:
        when = f"in {brief(delivery.due_at - now)}"
    else:
        when = f"due for {brief(now - delivery.due_at)}"
    return (
        str(delivery.id),
        delivery.handler,
        delivery.type,
        delivery.job_id or "-",
        delivery.state,
        str(delivery.attempt),
        when,
        delivery.error or "",
    )
