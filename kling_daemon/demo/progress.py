"""How far a demo has come: one look at both sides."""

from dataclasses import dataclass
from datetime import timedelta

from kling_daemon.client.models import JobModel, StatsModel
from kling_daemon.deliveries import DeliveryState
from kling_daemon.demo.kling import KlingNumbers

_OPEN = (DeliveryState.PENDING, DeliveryState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known at one moment."""

    elapsed: timedelta
    """Since the first job was submitted."""
    wanted: int
    """How many jobs there will be."""
    jobs: tuple[JobModel, ...]
    """In the order in which they were submitted."""
    stats: StatsModel
    """The daemon's numbers, taken after its jobs."""
    kling: KlingNumbers

    @property
    def is_over(self) -> bool:
        """Every job has ended, Kling has nothing more to say, and no delivery is open."""
        ended = len(self.jobs) == self.wanted and all(job.has_ended for job in self.jobs)
        return ended and self.kling.is_idle and not any(self.open_deliveries(name) for name in self.stats.deliveries)

    def open_deliveries(self, handler: str) -> int:
        """Return how many deliveries a handler has yet to be done with."""
        return sum(self.stats.deliveries.get(handler, {}).get(state, 0) for state in _OPEN)

    def deliveries(self, handler: str) -> int:
        """Return how many deliveries a handler has, done or not."""
        return sum(self.stats.deliveries.get(handler, {}).values())
