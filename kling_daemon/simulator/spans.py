"""Spans of time that something may take, from its shortest to its longest, as people write them: `500ms-2s`."""

import random
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta:
    """Read `250ms`, `1.5s`, `5m`, `2h` or `30d`; ValueError says what was expected."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write it like 250ms, 1.5s, 5m, 2h or 30d")
    return float(match[1]) * _UNITS[match[2]]


def format_duration(duration: timedelta) -> str:
    """Return what `parse_duration` reads as the same duration, in the largest unit of which it is a multiple."""
    if not duration:
        return "0s"
    for name, unit in _UNITS.items():
        if not duration % unit:
            return f"{duration // unit}{name}"
    return f"{duration.total_seconds():.6f}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of durations, both ends included, never negative."""

    shortest: timedelta
    longest: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.shortest <= self.longest:
            raise ValueError(f"a span rises from zero or more, not from {self.shortest} to {self.longest}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range such as `20s-60s`, or one duration such as `20ms` for both ends; ValueError otherwise."""
        first, dash, second = text.partition("-")
        shortest = parse_duration(first)
        return cls(shortest=shortest, longest=parse_duration(second) if dash else shortest)

    @classmethod
    def exactly(cls, duration: timedelta) -> Self:
        """Return the span whose both ends are the same."""
        return cls(shortest=duration, longest=duration)

    def choose(self, chance: random.Random) -> timedelta:
        """Return a duration of the span, each equally likely."""
        return self.shortest + (self.longest - self.shortest) * chance.random()

    def __str__(self) -> str:
        if self.shortest == self.longest:
            return format_duration(self.shortest)
        return f"{format_duration(self.shortest)}-{format_duration(self.longest)}"
