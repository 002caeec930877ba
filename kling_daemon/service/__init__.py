"""What makes the program a well-behaved service: how it is told to stop, that it does, and what it may use."""

from kling_daemon.service.open_files import allow_many_open_files
from kling_daemon.service.stopping import StopSignal

__all__ = ["StopSignal", "allow_many_open_files"]
