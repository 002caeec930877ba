"""Sockets that listen, at which no more come in at a time than the limiter can see to.

asyncio accepts all who wait, thousands at a time, and only then has anybody look at the first of them. By then a flood
of connections has opened every file that the process may open: the other listener takes nobody either, and each one who
waits is logged with a traceback, once a second.
"""

import errno
import socket
import time
from typing import Any

import structlog

from kling_daemon.listening.limiter import ConnectionLimiter
from kling_daemon.telemetry import Rarely

log = structlog.get_logger(__name__)

_OUT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Door(socket.socket):
    """Where one listener's connections come in."""

    def __init__(self, listener: socket.socket, limiter: ConnectionLimiter) -> None:
        """Take a socket, which is this one from now on, and who lets connections in."""
        super().__init__(fileno=listener.detach())
        self._limiter = limiter
        self._came = 0
        self._out_of_files = Rarely()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address; BlockingIOError when there is none, or enough for now.

        In a crowd asyncio asks again and again, for a quarter of a second at most until somebody can go.

        Where there is no file left for it, the limiter sends away who would have to go at the cap; it is accepted once
        that one is gone. OSError only if nobody can go: then asyncio waits for a second.
        """
        now = time.monotonic()
        if self._came >= self._limiter.at_a_time or self._limiter.is_crowded(now):
            self._came = 0
            raise BlockingIOError
        try:
            came = super().accept()
        except OSError as error:
            self._came = 0
            if error.errno not in _OUT:
                raise
            if (before := self._out_of_files.due()) is not None:
                log.error(  # noqa: TRY400 - it says all
                    "no file is left for a connection", error=error.strerror, passed_over=before,
                    remedy="raise LimitNOFILE= of the service, or ulimit -n",
                )  # fmt: skip
            if self._limiter.make_room(now):
                raise BlockingIOError from error
            self._came = self._limiter.at_a_time  # asyncio goes on asking, and would log each of its questions
            raise
        self._came += 1
        return came
