"""How long a connection may keep us waiting, and what it can be doing meanwhile."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto


class Stage(Enum):
    """What a connection is at, which says for how long it may be."""

    HEAD = auto()
    """It has brought nothing yet, or a part of a request's head."""
    BODY = auto()
    """It has brought a head, and its body is not complete."""
    ANSWERING = auto()
    """Its request is complete and is being answered: it is never sent away for that."""
    UNREAD = auto()
    """It does not take its answers, of which more are waiting than the system holds for it."""
    IDLE = auto()
    """It was answered, and may bring another request."""
    CLOSING = auto()
    """It is closed on our side, but what it was told last it has not taken yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time for each stage. Nobody who brings or takes a byte now and then may hold a connection for ever."""

    head: timedelta = timedelta(seconds=10)
    """From the accept, or from a head's first byte, to its last."""
    body: timedelta = timedelta(seconds=30)
    """For a body, and for taking answers that do not fit into the system's buffers."""
    whole: bool = True
    """True when that is for all of it; False when it is for the next bytes of it, however many there are."""
    idle: timedelta = timedelta(seconds=75)
    """Between two requests; senders hang up on their own idle connections before this."""

    def of(self, stage: Stage) -> float | None:
        """Return the seconds that a stage may last; None for any time."""
        match stage:
            case Stage.ANSWERING:
                return None
            case Stage.HEAD | Stage.CLOSING:
                return self.head.total_seconds()
            case Stage.IDLE:
                return self.idle.total_seconds()
            case Stage.BODY | Stage.UNREAD:
                return self.body.total_seconds()

    @property
    def look(self) -> float:
        """How often connections are looked at, in seconds: so often that none has much less than its time."""
        return min(self.head, self.body, self.idle).total_seconds() / 20
