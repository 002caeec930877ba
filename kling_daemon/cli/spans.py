"""Durations as people write and read them: `90s`, `5m`, `1h30m`."""

import re
from datetime import timedelta
from typing import Any

import click

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:[0-9]{1,6}(?:ms|[dhms]))+", re.ASCII)
_PART = re.compile(r"([0-9]+)(ms|[dhms])")


class SpanType(click.ParamType[timedelta]):
    """An option's duration, written as in the configuration: a bare number is refused, whose unit nobody remembers."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or fail as a usage error."""
        if isinstance(value, timedelta):
            return value
        if not _SPAN.fullmatch(value):
            self.fail(f"{value!r} is no duration; write 90s, 5m or 1h30m", param, ctx)
        seconds = sum(int(number) * _UNITS.get(unit, 0.001) for number, unit in _PART.findall(value))
        return timedelta(seconds=seconds)


def span(duration: timedelta) -> str:
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
