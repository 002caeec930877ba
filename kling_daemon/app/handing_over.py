"""Where the daemon listens if a service manager has passed it sockets: there, and not where the configuration says."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from kling_daemon.app.reloading import Read
from kling_daemon.config import ConfigError, Problem, Settings
from kling_daemon.config.conflicts import conflicts
from kling_daemon.config.sections import ApiSettings, ReceiverSettings
from kling_daemon.listening import served_at
from kling_daemon.service import API, RECEIVER, ActivationError
from kling_daemon.service.activation import Sockets

Listener = TypeVar("Listener", ReceiverSettings, ApiSettings)

log = structlog.get_logger(__name__)


def as_passed(settings: Settings, sockets: Sockets) -> Settings:
    """Return the settings with the addresses of the passed sockets in place of the configured ones.

    Raises ActivationError where the daemon may not listen there with these settings: what is checked of addresses that
    are configured must hold for those as well.
    """
    sections: dict[str, ReceiverSettings | ApiSettings] = {
        RECEIVER: _at(settings.receiver, sockets.get(RECEIVER, ())),
        API: _at(settings.api, sockets.get(API, ())),
    }
    passed = settings.model_copy(update=sections)
    known = {found.message for found in conflicts(settings)}
    for found in conflicts(passed):
        if found.message not in known:
            addresses = " and ".join(f"{name}: {sections[name].listen}" for name in sockets)
            where = ".".join(found.keys[0])
            raise ActivationError(f"cannot use the sockets that were passed ({addresses}): {where}: {found.message}")
    return passed


def reading(read: Read, sockets: Sockets) -> Read:
    """Return what reads the configuration anew, with the passed addresses in it as well."""

    def read_as_passed() -> tuple[Path | None, Settings]:
        file, settings = read()
        try:
            return file, as_passed(settings, sockets)
        except ActivationError as error:
            raise ConfigError([Problem(path="the sockets", message=str(error))], file) from None

    return read_as_passed


def tell_of_differences(configured: Settings, passed: Settings) -> None:
    """Log where the daemon listens elsewhere than it is configured to."""
    for section in (RECEIVER, API):
        here, there = getattr(configured, section).listen, getattr(passed, section).listen
        if here != there:
            log.warning(
                "socket was passed: it counts, not the configuration", key=f"{section}.listen", served=str(there)
            )


def _at(section: Listener, passed: Sequence[socket.socket]) -> Listener:
    return section.model_copy(update={"listen": served_at(section.listen, passed)})
