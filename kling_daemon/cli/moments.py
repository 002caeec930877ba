"""Moments on the command line: an option that reads one, written out or as how long ago it was."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from kling_daemon.durations import parse_duration


class MomentType(click.ParamType[datetime]):
    """An option's moment: `2026-11-21T19:18:39Z`, or `90m` for ninety minutes ago."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it, or fail as a usage error; a time without an offset is none, for nobody knows whose it is."""
        if isinstance(value, datetime):
            return value
        with suppress(ValueError):
            return datetime.now(UTC) - parse_duration(value)
        moment = None
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value!r} must be a moment such as 2026-11-21T19:18:39Z, or 90m for so long ago", param, ctx)
        return moment
