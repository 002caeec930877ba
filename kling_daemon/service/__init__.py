"""What makes the program a well-behaved service: how it is told to stop, and that it does."""

from kling_daemon.service.stopping import StopSignal

__all__ = ["StopSignal"]
