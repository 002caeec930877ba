"""The local API's client, and the models that both of its ends share."""

from kling_daemon.client.daemon import Daemon
from kling_daemon.client.discovery import Target, find_daemon
from kling_daemon.client.errors import AddressError, DaemonError, DaemonUnreachableError, DaemonUntrustedError
from kling_daemon.client.event_stream import EventStream

__all__ = [
    "AddressError",
    "Daemon",
    "DaemonError",
    "DaemonUnreachableError",
    "DaemonUntrustedError",
    "EventStream",
    "Target",
    "find_daemon",
]
