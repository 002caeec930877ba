"""Listening for HTTP, on a TCP port or a Unix socket: what the public receiver and the local API have in common."""

from kling_daemon.listening.shortcut import Shortcut
from kling_daemon.listening.sites import ListenError, listening

__all__ = ["ListenError", "Shortcut", "listening"]
