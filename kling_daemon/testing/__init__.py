"""The test kit for plugin authors: made-up jobs and events, and a way to run a handler as the daemon does."""

from kling_daemon.testing.clock import ManualClock

__all__ = ["ManualClock"]
