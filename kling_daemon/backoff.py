"""How long to wait after one failure, and after several in a row: twice as long each time, up to a longest pause."""

from dataclasses import dataclass
from datetime import timedelta

_MOST_DOUBLINGS = 100  # beyond that any pause is past any longest one


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses that double from the least to the longest."""

    least: timedelta
    longest: timedelta

    def pause(self, failures: int, jitter: float = 1.0) -> timedelta:
        """Return the pause after so many failures in a row, from 1; the last half of it is left to chance.

        jitter: a number from 0 to 1, drawn by the caller, so that a thousand that failed together do not come back
        together.
        """
        # In seconds, since a timedelta overflows where a float does not.
        doubled = self.least.total_seconds() * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS)
        return timedelta(seconds=min(doubled, self.longest.total_seconds()) * (0.5 + jitter / 2))
