"""Which daemon a verb talks to, and the talking."""

import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kling_daemon.cli.exit_codes import ConfigurationExit, UnreachableExit

if TYPE_CHECKING:
    from kling_daemon.client import Daemon, Target

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Where:
    """What the command line says about the daemon; click's context object."""

    url: str | None = None
    config: Path | None = None


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note an option on the object that a verb shares with the group above it, so that both places will do."""
    where = context.ensure_object(Where)
    if value is not None and parameter.name is not None:
        setattr(where, parameter.name, value)


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    expose_value=False,
    callback=_keep,
    help="The configuration file.  [$KLING_DAEMON_CONFIG]",
)
_url_option = click.option(
    "--url",
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="The daemon: http(s)://HOST:PORT or unix:PATH.  [$KLING_DAEMON_URL]",
)
pass_where = click.make_pass_decorator(Where, ensure=True)


def where_options(command: Command) -> Command:
    """Give a verb the options that say which daemon is meant."""
    return config_option(_url_option(command))


def talk(
    where: Where,
    conversation: Callable[["Daemon"], Awaitable[T]],
    *,
    run: Callable[[Coroutine[Any, Any, T]], T] | None = None,
) -> T:
    """Return what a conversation with the daemon comes to; what goes wrong ends the verb with its exit code.

    run: what runs it; `asyncio.run` unless signals are to end it in some way of their own.
    """
    import asyncio

    from kling_daemon.client import AddressError, DaemonError, DaemonUnreachableError, DaemonUntrustedError

    try:
        return (run or asyncio.run)(_converse(find(where), conversation))
    except AddressError as error:  # a file that says whom to trust is read when the connection is made
        raise click.UsageError(str(error)) from None
    except DaemonUntrustedError as error:
        raise UnreachableExit(str(error)) from None
    except DaemonUnreachableError as error:
        raise UnreachableExit(f"{error}; is it running?") from None
    except DaemonError as error:
        raise click.ClickException(str(error)) from None


def find(where: Where) -> "Target":
    """Return the daemon that is meant."""
    from kling_daemon.client import AddressError, find_daemon

    try:
        return find_daemon(where.url, where.config, os.environ)
    except AddressError as error:
        raise click.UsageError(str(error)) from None
    except Exception as error:
        # Named here only: importing the configuration takes longer than talking to a daemon whose URL is known.
        from kling_daemon.config import ConfigError

        if isinstance(error, ConfigError):
            raise ConfigurationExit(str(error)) from None
        raise


async def _converse(target: "Target", conversation: Callable[["Daemon"], Awaitable[T]]) -> T:
    from kling_daemon.client import Daemon

    async with Daemon(target) as daemon:
        return await conversation(daemon)
