"""`kling-daemon deliveries`: see what handlers were given, and give it again or drop it."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.candidates import complete_deliveries, complete_handlers, complete_jobs
from kling_daemon.cli.output import json_option, print_facts, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kling_daemon.client import Daemon
    from kling_daemon.client.models import AttemptModel, DeliveryInFullModel, DeliveryModel

STATES = ("pending", "running", "done", "dead", "dropped")
"""`DeliveryState`, written out: importing it would take a quarter of the time that `--help` may take."""
HEADINGS = ("DELIVERY", "HANDLER", "TYPE", "JOB", "STATE", "ATTEMPT", "WHEN", "ERROR")
HELD = {
    "parked": "parked: its handler is not configured",
    "earlier": "after an earlier event of its job",
    "dependency": "after a handler that comes first",
    "suspect": "a suspect, waits for its turn",
}
"""What a delivery waits for besides its time."""
ATTEMPT_HEADINGS = ("ATTEMPT", "BEGAN", "TOOK", "OUTCOME", "ERROR")


SUSPECT_FROM = 2
"""`LOSSES_OF_A_SUSPECT`, written out for the same reason as the states."""
_SUSPECT = "; such deliveries, which may be what ends it, are tried one at a time"


@click.group()
@where_options
def deliveries() -> None:
    """See what handlers were given, and give it again or drop it."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
@click.option("--handler", metavar="NAME", shell_complete=complete_handlers, help="Only this handler's.")
@click.option("--job", metavar="JOB", shell_complete=complete_jobs, help="Only those about this job.")
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
    print_facts(_facts(delivery))
    if delivery.attempts:
        click.echo()
        print_table(ATTEMPT_HEADINGS, [_attempt_line(attempt) for attempt in delivery.attempts])


@deliveries.command("retry")
@click.argument(
    "ids",
    metavar="DELIVERY...",
    nargs=-1,
    required=True,
    type=click.IntRange(min=1),
    shell_complete=complete_deliveries,
)
@json_option
@where_options
@pass_where
def retry_deliveries(where: Where, *, ids: tuple[int, ...], as_json: bool) -> None:
    """Give deliveries that are dead, dropped or waiting all their attempts again, at once.

    Stops at the first that cannot be retried, and exits with 1.
    """
    _decide(where, ids, lambda daemon, number: daemon.retry_delivery(number), as_json=as_json)


@deliveries.command("drop")
@click.argument(
    "ids",
    metavar="DELIVERY...",
    nargs=-1,
    required=True,
    type=click.IntRange(min=1),
    shell_complete=complete_deliveries,
)
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
            now = datetime.now(UTC)
            print_table(HEADINGS, [_line(delivery, now) for delivery in decided])


def _facts(delivery: "DeliveryInFullModel") -> list[tuple[str, str]]:
    from kling_daemon.cli.job_views import moment

    return [
        ("delivery", str(delivery.id)),
        ("handler", delivery.handler),
        ("of", delivery.type),
        ("item", delivery.item_id),
        ("job", delivery.job_id or ""),
        ("state", delivery.state),
        ("attempts", str(delivery.attempt)),
        ("made", moment(delivery.created_at)),
        ("held", HELD.get(delivery.held, delivery.held) if delivery.held else ""),
        ("lost", f"{delivery.losses} times with the daemon{_SUSPECT}" if delivery.losses >= SUSPECT_FROM else ""),
        ("due", "" if delivery.finished_at else moment(delivery.due_at)),
        ("closed", moment(delivery.finished_at) if delivery.finished_at else ""),
        ("error", delivery.error or ""),
        ("result", "" if delivery.result is None else json.dumps(delivery.result, ensure_ascii=False)),
    ]


def _attempt_line(attempt: "AttemptModel") -> tuple[str, ...]:
    from kling_daemon.cli.durations import brief
    from kling_daemon.cli.job_views import moment

    took = brief(attempt.finished_at - attempt.started_at)
    return str(attempt.attempt), moment(attempt.started_at), took, attempt.outcome, attempt.error or ""


def _line(delivery: "DeliveryModel", now: datetime) -> tuple[str, ...]:
    from kling_daemon.cli.durations import brief

    if delivery.held is not None:
        when = HELD.get(delivery.held, delivery.held)
    elif delivery.finished_at is not None:
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
