"""Durations on the command line: an option that reads one, and how one is shown."""

from datetime import timedelta
from typing import Any

import click

from kling_daemon.durations import parse_duration

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class DurationType(click.ParamType[timedelta]):
    """An option's duration, written as in the configuration."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or fail as a usage error."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def brief(duration: timedelta) -> str:
    """Return a duration in its two greatest units: `1d 2h`, `3m 20s`, `4.2s`."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 9.95:  # noqa: PLR2004 - below, a tenth tells something
        return f"{seconds:.1f}s"
    whole, parts = round(seconds), []
    for unit, size in _UNITS.items():
        count, whole = divmod(whole, size)
        parts.append((count, unit))
    while parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count)
