"""The quantities of the configuration, durations and sizes: `1h30m`, `250ms`, `64 KiB`, `10 GB`."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

import pydantic

from kling_daemon.durations import format_duration, parse_duration

_SIZE_UNITS = {
    "": 1,
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
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3}(?=\s*[a-zA-Z]))?)\s*([a-zA-Z]*)", re.ASCII)


def read_duration(value: object) -> timedelta:
    """Read a duration, which is text in TOML and in the environment. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    # A bare number of TOML's is refused in the words for text that is a bare number.
    return parse_duration(value if isinstance(value, str) else "")


def parse_size(value: object) -> int:
    """Read a number of bytes, bare or with a unit. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (unit := _SIZE_UNITS.get(match[2].lower())) is None:
        raise ValueError('must be a size such as "64 KiB", "10 GB" or a number of bytes')
    return int(Decimal(match[1]) * unit)


def format_size(size: int) -> str:
    """Return what `parse_size` reads as the same size, in the largest unit of which it is a multiple."""
    for name in ("TiB", "GiB", "MiB", "KiB"):
        if size and not size % (unit := _SIZE_UNITS[name.lower()]):
            return f"{size // unit} {name}"
    return str(size)


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than nothing")
    return value


def _a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be at least 1s: in less time nothing ends in order")
    return value


Duration = Annotated[
    timedelta,
    pydantic.BeforeValidator(read_duration),
    pydantic.PlainSerializer(format_duration, return_type=str, when_used="json"),
    pydantic.WithJsonSchema({"type": "string", "description": 'such as "15s", "5m" or "1h30m"'}),
]
"""A span of time, nothing included."""

PositiveDuration = Annotated[Duration, pydantic.AfterValidator(_positive)]
"""A span of time that is longer than nothing."""

StopDuration = Annotated[Duration, pydantic.AfterValidator(_a_second)]
"""A span of time in which things can be ended."""

Size = Annotated[
    int,
    pydantic.BeforeValidator(parse_size),
    pydantic.Field(gt=0),
    pydantic.PlainSerializer(format_size, return_type=str, when_used="json"),
    pydantic.WithJsonSchema({"type": ["string", "integer"], "description": 'such as "64 KiB", or a number of bytes'}),
]
"""A number of bytes, at least one."""
