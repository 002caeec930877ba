"""The logger of one attempt: says with each line which event and job it is about."""

from dataclasses import dataclass

from kling_daemon.contexts import Log
from kling_daemon.deliveries import Delivery
from kling_daemon.events import JobEvent


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """A `Log` that binds when it speaks: most attempts never do, and binding costs as much as calling a handler."""

    log: Log
    delivery: Delivery

    def debug(self, event: str, **values: object) -> object:
        """Say something that helps to find a mistake."""
        return self.log.debug(event, **self._bound(values))

    def info(self, event: str, **values: object) -> object:
        """Say that something worth knowing happened."""
        return self.log.info(event, **self._bound(values))

    def warning(self, event: str, **values: object) -> object:
        """Say that something needs attention."""
        return self.log.warning(event, **self._bound(values))

    def error(self, event: str, **values: object) -> object:
        """Say that something failed."""
        return self.log.error(event, **self._bound(values))

    def exception(self, event: str, **values: object) -> object:
        """Say that something failed, with the traceback of the exception that is being handled."""
        return self.log.error(event, **self._bound({"exc_info": True, **values}))

    def _bound(self, values: dict[str, object]) -> dict[str, object]:
        item = self.delivery.item
        job = {"job_id": item.job_id} if isinstance(item, JobEvent) else {}
        return {"event_id": item.id, **job, "attempt": self.delivery.attempt, **values}
