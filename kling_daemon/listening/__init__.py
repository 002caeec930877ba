"""Listening for HTTP, on a TCP port or a Unix socket: what the public receiver and the local API have in common."""

from kling_daemon.listening.certificates import Certificate, CertificateError
from kling_daemon.listening.connections import peer_of
from kling_daemon.listening.limiter import ConnectionLimiter
from kling_daemon.listening.shortcut import LONGEST_BODY, Shortcut
from kling_daemon.listening.sites import ListenError, listening, served_at
from kling_daemon.listening.timeouts import Timeouts

__all__ = [
    "LONGEST_BODY",
    "Certificate",
    "CertificateError",
    "ConnectionLimiter",
    "ListenError",
    "Shortcut",
    "Timeouts",
    "listening",
    "peer_of",
    "served_at",
]
