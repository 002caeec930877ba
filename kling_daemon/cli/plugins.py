"""`kling-daemon plugins`: what is installed, and how it is doing."""

from typing import TYPE_CHECKING, Any

import click

from kling_daemon.cli.handlers import HEADINGS as HANDLER_HEADINGS
from kling_daemon.cli.handlers import handler_line
from kling_daemon.cli.output import json_option, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client.models import HandlerModel

HEADINGS = ("PLUGIN", "DISTRIBUTION", "VERSION", "STATUS", "TYPES", "HOOKS", "PROBLEM")


@click.group()
@where_options
def plugins() -> None:
    """See which plugins are installed, and how their handlers are doing."""


@plugins.command("list")
@json_option
@where_options
@pass_where
def list_plugins(where: Where, *, as_json: bool) -> None:
    """Show every installed plugin, a broken one with its reason; and the handlers, if a daemon runs.

    Looks at this Python installation, so that it works without a daemon.
    """
    from kling_daemon.loader import discover

    found = discover().as_json()
    handlers, silence = _handlers(where)
    if as_json:
        shown = None if handlers is None else [handler.as_json() for handler in handlers]
        from kling_daemon.cli.local_answers import PluginListModel

        answer = PluginListModel.model_validate({"items": found, "next": None, "handlers": shown})
        print_json(answer.as_json())
        return
    if found:
        print_table(HEADINGS, [_line(plugin) for plugin in found])
    else:
        click.echo("No plugin is installed.", err=True)
    if handlers:
        click.echo()
        print_table(HANDLER_HEADINGS, [handler_line(handler) for handler in handlers])
    elif handlers is None:
        click.echo(f"The handlers are not shown: {silence}", err=True)


def _handlers(where: Where) -> tuple[list["HandlerModel"] | None, str]:
    """Return the daemon's handlers; None, and why, when it cannot be asked."""
    try:
        return talk(where, lambda daemon: daemon.handlers()).items, ""
    except click.ClickException as error:
        if where.url is not None:
            raise  # this daemon was asked for by name
        return None, error.message


def _line(plugin: dict[str, Any]) -> tuple[str, ...]:
    return (
        plugin["name"],
        plugin["distribution"],
        plugin["version"],
        plugin["status"],
        ", ".join(plugin["types"]),
        ", ".join(plugin["hooks"]),
        plugin["problem"] or "",
    )
