"""What makes the program a well-behaved service: signals, ending in time, and what it may use."""

from kling_daemon.service.hang_up import HangUp
from kling_daemon.service.open_files import allow_many_open_files, open_files
from kling_daemon.service.stopping import StopSignal

__all__ = ["HangUp", "StopSignal", "allow_many_open_files", "open_files"]
