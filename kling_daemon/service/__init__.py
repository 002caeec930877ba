"""What makes the program a well-behaved service: signals, ending in time, and what it may use."""

from kling_daemon.service.activation import API, RECEIVER, ActivationError
from kling_daemon.service.hang_up import HangUp
from kling_daemon.service.notify import Notifier
from kling_daemon.service.open_files import allow_many_open_files, open_files
from kling_daemon.service.stopping import StopSignal
from kling_daemon.service.supervision import Supervision

__all__ = [
    "API",
    "RECEIVER",
    "ActivationError",
    "HangUp",
    "Notifier",
    "StopSignal",
    "Supervision",
    "allow_many_open_files",
    "open_files",
]
