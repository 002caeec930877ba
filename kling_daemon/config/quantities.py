"""Durations and sizes as people write them: `1h30m`, `250ms`, `64 KiB`, `10 GB`."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

import pydantic

_DURATION_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:ms|[smhd])\s*)+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)(ms|[smhd])", re.ASCII)
_LONGEST = timedelta(days=36_500)

_SIZE_UNITS = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([a-zA-Z]+)", re.ASCII)


def parse_duration(value: object) -> timedelta:
    """Read a duration; a bare number is refused, for nobody remembers its unit. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _DURATION.fullmatch(text := value.strip()):
        raise ValueError('must be a duration such as "15s", "5m", "1h30m" or "250ms"')
    parts = _DURATION_PART.findall(text)
    if len({unit for _, unit in parts}) < len(parts):
        raise ValueError('must be a duration that names each unit once, such as "1h30m"')
    total = sum((int(number) * _DURATION_UNITS[unit] for number, unit in parts), timedelta())
    if total > _LONGEST:
        raise ValueError("must be a duration of less than a hundred years")
    return total


def parse_size(value: object) -> int:
    """Read a number of bytes, bare or with a unit. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _SIZE_UNITS.get(match[2].lower()) if match else None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    if match is None or unit is None:
        raise ValueError('must be a size such as "64 KiB", "10 GB" or a number of bytes')
    return int(Decimal(match[1]) * unit)


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, pydantic.BeforeValidator(parse_duration)]
"""A span of time, nothing included."""

PositiveDuration = Annotated[Duration, pydantic.AfterValidator(_positive)]
"""A span of time that is longer than nothing."""

Size = Annotated[int, pydantic.BeforeValidator(parse_size), pydantic.Field(gt=0)]
"""A number of bytes, at least one."""
