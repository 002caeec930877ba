"""Lists that come in parts: as many items as were asked for, and how to go on with the others."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kling_daemon.cli.output import Row, print_json, print_table
from kling_daemon.cli.where import Where, talk

if TYPE_CHECKING:
    from kling_daemon.client import Daemon
    from kling_daemon.client.models import Page
    from kling_daemon.client.models.answers import Answer

Command = TypeVar("Command", bound=Callable[..., Any])
Item = TypeVar("Item", bound="Answer")


def page_options(command: Command) -> Command:
    """Give a verb `--limit` and `--cursor`."""
    most = click.IntRange(1, 500)
    command = click.option("--cursor", metavar="NEXT", help="Go on where an earlier list ended.")(command)
    return click.option("--limit", type=most, default=50, show_default=True, help="At most that many.")(command)


def ask_for_page(
    where: Where,
    part: Callable[["Daemon", int, str | None], "Awaitable[Page[Item]]"],
    *,
    limit: int,
    cursor: str | None,
) -> "Page[Item]":
    """Return so many items, fewer only at the list's end. part: asks the daemon for at most so many, from a cursor on.

    Where few are asked for, a part may be short without being the last: the daemon looks at so many items and no more.
    """

    async def filled(daemon: "Daemon") -> "Page[Item]":
        page = await part(daemon, limit, cursor)
        while page.next and len(page.items) < limit:
            more = await part(daemon, limit - len(page.items), page.next)
            page = more.model_copy(update={"items": [*page.items, *more.items]})
        return page

    return talk(where, filled)


def print_page(page: "Page[Any]", headings: Row, lines: Sequence[Row], *, as_json: bool) -> None:
    """Print a page as JSON, or its lines below headings; on standard error, how to go on."""
    if as_json:
        print_json(page.as_json())
        return
    print_table(headings, lines)
    if page.next:
        click.echo(f"There are more: --cursor {page.next}", err=True)
