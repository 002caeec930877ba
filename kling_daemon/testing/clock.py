"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
"""Where a test's clock stands unless the test says otherwise."""

_MILLISECOND = timedelta(milliseconds=1)


class ManualClock:
    """A `Clock` whose time only a test moves."""

    def __init__(self, now: datetime = START) -> None:
        """Start at an aware moment; the monotonic clock starts at zero."""
        self._now = _checked(now)
        self._elapsed = timedelta()

    def now(self) -> datetime:
        """Return the moment that was set last: aware, UTC, in whole milliseconds."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds by which `advance` has moved the clock."""
        return self._elapsed.total_seconds()

    def advance(self, by: timedelta | float) -> datetime:
        """Let time pass on both clocks, given as a timedelta or in seconds, and return the new moment."""
        passed = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if passed < timedelta():
            raise ValueError(f"time does not pass backwards: {passed}; use set() to make the wall clock jump")
        self._elapsed += passed
        self._now = _checked(self._now + passed)
        return self._now

    def set(self, now: datetime) -> None:
        """Make the wall clock jump, in either direction; the monotonic clock does not notice."""
        self._now = _checked(now)


def _checked(moment: datetime) -> datetime:
    """Return the moment in UTC, cut to whole milliseconds as the real clock gives it."""
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {moment}")
    moment = moment.astimezone(UTC)
    return moment - timedelta(microseconds=moment.microsecond) % _MILLISECOND
