"""Serving something from the command line until SIGTERM or Ctrl-C."""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import click

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is printed once it listens."""

    values: Mapping[str, Any]
    """For programs, as one JSON line."""
    lines: Sequence[str]
    """For people."""


def serve(serving: AbstractAsyncContextManager[Announcement], *, as_json: bool, places: str) -> None:
    """Serve until a signal ends it; a click error when it cannot listen at these places."""
    import asyncio

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with serving as announcement:
            for line in [json.dumps(announcement.values)] if as_json else announcement.lines:
                click.echo(line)
            sys.stdout.flush()
            await stop.wait()

    try:
        asyncio.run(run())
    except OSError as error:
        raise click.ClickException(f"cannot listen at {places}: {error.strerror or error}") from None


def read_address(text: str, option: str) -> tuple[str, int]:
    """Return the host and port that an option names; a usage error when it names none."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port[:6]) > _LAST_PORT:
        raise click.BadParameter(f"{text!r} is not HOST:PORT", param_hint=option)
    return host.strip("[]"), int(port)
