"""The way out: the one HTTP client through which handlers fetch and send."""

from kling_daemon.egress.client import EgressClient

__all__ = ["EgressClient"]
