"""Durations as people write them, in the configuration and on every command line: `250ms`, `15s`, `1.5h`, `1h30m`."""

import re
from datetime import timedelta

LONGEST = timedelta(days=36_500)
"""The longest duration that is read: a hundred years, after which any moment can still be reckoned with."""

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)(ms|[dhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern}\s*)+")


def parse_duration(text: str) -> timedelta:
    """Read numbers with units, alone or one after the other, each unit once; ValueError says how one is written.

    A bare number is refused, for nobody remembers its unit. The message does not repeat the text.
    """
    if _WHOLE.fullmatch(text := text.strip()) is None:
        raise ValueError('must be a duration such as "15s", "5m", "1h30m" or "250ms"')
    parts = _PART.findall(text)
    if len({unit for _, unit in parts}) < len(parts):
        raise ValueError('must be a duration that names each unit once, such as "1h30m"')
    # In seconds, since a timedelta overflows where a float does not.
    seconds = sum(float(number) * _UNITS[unit].total_seconds() for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError("must be a duration of at most a hundred years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return what `parse_duration` reads as the same duration, in the largest unit of which it is a multiple."""
    if not duration:
        return "0s"
    for name, unit in _UNITS.items():
        if not duration % unit:
            return f"{duration // unit}{name}"
    return f"{duration.total_seconds():.6f}s"
