"""`kling-daemon handlers`: see how handlers are doing, and forget one that is gone."""

from typing import TYPE_CHECKING

import click

from kling_daemon.cli.candidates import complete_handlers
from kling_daemon.cli.output import json_option, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client.models import HandlerModel

HEADINGS = ("HANDLER", "PLUGIN", "STATE", "EVENTS", "RUNNING", "REASON")


@click.group()
@where_options
def handlers() -> None:
    """See how handlers are doing, and forget one that is gone."""


@handlers.command("list")
@json_option
@where_options
@pass_where
def list_handlers(where: Where, *, as_json: bool) -> None:
    """Show every handler; `unloaded` ones are not configured any more, and what they would be given waits."""
    page = talk(where, lambda daemon: daemon.handlers())
    if as_json:
        print_json(page.as_json())
    else:
        print_table(HEADINGS, [handler_line(handler) for handler in page.items])


@handlers.command("forget")
@click.argument("name", shell_complete=complete_handlers)
@json_option
@where_options
@pass_where
def forget_handler(where: Where, *, name: str, as_json: bool) -> None:
    """Drop what waits for a handler that is not configured any more, and collect no more for it."""
    forgotten = talk(where, lambda daemon: daemon.forget_handler(name))
    if as_json:
        print_json(forgotten.as_json())
    else:
        click.echo(f"{forgotten.name} is forgotten; deliveries dropped: {forgotten.dropped}")


def handler_line(handler: "HandlerModel") -> tuple[str, ...]:
    """Return a handler's cells."""
    running = str(handler.running) if handler.concurrency is None else f"{handler.running}/{handler.concurrency}"
    events = ", ".join(handler.events)
    return handler.name, handler.plugin or "-", handler.state, events, running, handler.reason or ""
