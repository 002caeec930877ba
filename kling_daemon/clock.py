"""Where the daemon asks what time it is, so that tests can answer."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the wall-clock time: aware, UTC, in whole milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring how long something took."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall-clock time: aware, UTC, in whole milliseconds."""
        return from_millis(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return the seconds of the monotonic clock."""
        return time.monotonic()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UTC_OFFSET = len("+00:00")


def to_millis(moment: datetime) -> int:
    """Return the whole milliseconds between 1970 and an aware moment: how the store keeps times."""
    return (moment - EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """Return the aware UTC moment that lies that many milliseconds after 1970."""
    return datetime.fromtimestamp(millis / 1_000, UTC)  # exact: a float holds any such number of milliseconds


def to_rfc3339(moment: datetime) -> str:
    """Return a moment as people and programs see it: `2026-11-21T19:18:39.123Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-_UTC_OFFSET]}Z"


def from_rfc3339(text: str) -> datetime:
    """Read what `to_rfc3339` wrote; ValueError when it is no such time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def optional(convert: Callable[[T], R], value: T | None) -> R | None:
    """Apply a conversion unless there is nothing to convert."""
    return None if value is None else convert(value)
