"""The way out: the one HTTP client through which handlers fetch and send."""

from kling_daemon.egress.client import EgressClient
from kling_daemon.egress.ranges import LOOPBACK

__all__ = ["LOOPBACK", "EgressClient"]
