"""Tells the service manager what the daemon is at, as sd_notify(3) has it; without one nobody is told.

Own code, since no library that is kept fits (the reasons are in the fifth decision).
"""

import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Self

_VARIABLE = "NOTIFY_SOCKET"
_LONGEST_STATUS = 400


class Notifier:
    """Sends one datagram per state; a manager that cannot be told harms nobody."""

    def __init__(self, address: str | None = None) -> None:
        """Take the manager's socket, `@` for the abstract ones' null byte; None for nobody."""
        self._address = address and ("\0" + address[1:] if address.startswith("@") else address)
        self._running: str | None = None
        """What was told when the start was over."""

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """Return the one that the environment tells of, and take it out, so that no child process speaks for us."""
        return cls(environ.pop(_VARIABLE, None))

    def ready(self, status: str) -> None:
        """Tell that the start is over, and where the daemon does its work."""
        self._running = status
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Tell that the configuration is being read; `reloaded` ends it."""
        if self._running is not None:
            # Both in one datagram, as Type=notify-reload wants it.
            self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self, remark: str | None) -> None:
        """Tell that the daemon goes on as it did, and what has to be known of the reload, if anything.

        Nothing is told of one that was asked for during the start: it would pass for the start's end.
        """
        if self._running is not None:
            self._send("READY=1", _status(f"{self._running}; {remark}" if remark else self._running))

    def stopping(self) -> None:
        """Tell that the daemon ends what runs."""
        self._send("STOPPING=1", _status("Stopping: what has begun is being finished"))

    def _send(self, *fields: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto("\n".join(fields).encode(), self._address)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:_LONGEST_STATUS]
