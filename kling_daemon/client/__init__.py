"""The local API's client, and the models that both of its ends share."""

from kling_daemon.client.daemon import Daemon
from kling_daemon.client.discovery import Target, find_daemon
from kling_daemon.client.errors import AddressError, DaemonError, DaemonUnreachableError

__all__ = ["AddressError", "Daemon", "DaemonError", "DaemonUnreachableError", "Target", "find_daemon"]
