"""How a handler is doing, as people and programs see it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Openness(StrEnum):
    """Whether a handler can be called."""

    OPENING = "opening"
    """It is being opened for the first time, or again after it could not be. Its deliveries wait."""
    OPEN = "open"
    """It is given what is due."""
    CLOSED = "closed"
    """It could not be opened, for the reason that is told, and is tried again later. Its deliveries wait."""
    STOPPED = "stopped"
    """The daemon stops. What is left waits for the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerStatus:
    """One handler at one moment."""

    name: str
    plugin: str
    """The entry point that it comes from."""
    events: tuple[str, ...]
    depends_on: tuple[str, ...]
    openness: Openness
    reason: str | None
    """Why it could not be opened when it was last tried; None once it is open."""
    running: int
    """How many attempts are under way."""
    concurrency: int
    """How many may be."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the API shows."""
        return {
            "name": self.name,
            "plugin": self.plugin,
            "events": list(self.events),
            "depends_on": list(self.depends_on),
            "state": self.openness,
            "reason": self.reason,
            "running": self.running,
            "concurrency": self.concurrency,
        }
