"""Spans of time that something may take, from its shortest to its longest, as people write them: `500ms-2s`."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from kling_daemon.durations import LONGEST, format_duration, parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of durations, both ends included, from nothing to a hundred years."""

    shortest: timedelta
    longest: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.shortest <= self.longest <= LONGEST:
            raise ValueError(
                "a span rises from nothing or more to a hundred years at most, "
                f"not from {_shown(self.shortest)} to {_shown(self.longest)}"
            )

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


def _shown(duration: timedelta) -> str:
    return f"{'-' if duration < timedelta(0) else ''}{format_duration(abs(duration))}"
