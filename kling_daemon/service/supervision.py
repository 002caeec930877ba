"""What the service manager that started the process gives it and wants of it."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Self

from kling_daemon.service.activation import Sockets, take_sockets
from kling_daemon.service.hang_up import HangUp
from kling_daemon.service.notify import Notifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """Nothing of it is needed: without a service manager the daemon opens its sockets itself."""

    hang_up: HangUp | None = None
    """Where SIGHUP is taken; None where it is not ours."""
    sockets: Sockets = field(default_factory=dict)
    """The listening sockets that were passed, by name."""
    notify: Notifier = field(default_factory=Notifier)
    """Where it is told what the daemon is at."""

    @classmethod
    def of(cls, environ: MutableMapping[str, str], hang_up: HangUp) -> Self:
        """Take what the environment tells of, and take it out of there. Raises ActivationError."""
        return cls(hang_up=hang_up, sockets=take_sockets(environ), notify=Notifier.of(environ))
