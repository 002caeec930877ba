"""What a running daemon knows, offered to the shell while a command is typed; a daemon that is slow offers nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.where import Where, find

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from kling_daemon.client import Daemon

QUICKLY = timedelta(seconds=1)
"""How long the daemon has for its answer, as somebody waits with a finger on the key."""
MOST = 100
"""How many of the latest jobs and deliveries are looked through."""

FIRST_TOKEN = "api-token"  # noqa: S105 - its name
"""The token of the daemon's first start, which is no matter of the API's."""

Offer = tuple[str, str]
"""What may be typed, and what it is."""


def complete_jobs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Offer the latest jobs."""

    async def ask(daemon: "Daemon") -> list[Offer]:
        page = await daemon.jobs(limit=MOST)
        return [(job.id, f"{job.state} {job.endpoint or ''}".strip()) for job in page.items]

    return _offer(context, incomplete, ask)


def complete_deliveries(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Offer the latest deliveries."""

    async def ask(daemon: "Daemon") -> list[Offer]:
        page = await daemon.deliveries(limit=MOST)
        return [(str(each.id), f"{each.state} {each.handler} {each.type}") for each in page.items]

    return _offer(context, incomplete, ask)


def complete_handlers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Offer the handlers, loaded or not."""

    async def ask(daemon: "Daemon") -> list[Offer]:
        return [(handler.name, handler.state) for handler in (await daemon.handlers()).items]

    return _offer(context, incomplete, ask)


def complete_tokens(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Offer the tokens that can be revoked."""

    async def ask(daemon: "Daemon") -> list[Offer]:
        return [(token.name, token.scope) for token in (await daemon.tokens()).items if token.name != FIRST_TOKEN]

    return _offer(context, incomplete, ask)


def _offer(
    context: click.Context, incomplete: str, ask: Callable[["Daemon"], Awaitable[list[Offer]]]
) -> list["CompletionItem"]:
    """Return what begins with what was typed so far; nothing, and no word about it, when the daemon cannot be asked."""
    import asyncio
    from contextlib import suppress

    from click.shell_completion import CompletionItem

    from kling_daemon.client import AddressError, Daemon, DaemonError, DaemonUnreachableError

    async def converse() -> list[Offer]:
        async with asyncio.timeout(QUICKLY.total_seconds()), Daemon(find(context.ensure_object(Where))) as daemon:
            return await ask(daemon)

    with suppress(click.ClickException, AddressError, DaemonError, DaemonUnreachableError, TimeoutError, OSError):
        offers = asyncio.run(converse())
        return [CompletionItem(word, help=what) for word, what in offers if word.startswith(incomplete)]
    return []
