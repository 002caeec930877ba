"""What a service manager does for the daemon: it holds the listening socket, passes it to each start, and is told."""

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fakes.daemon_process import DaemonProcess, Machine

PASS_ON = """
import os, sys
for place, descriptor in enumerate(map(int, sys.argv[1].split(",")), start=3):
    os.dup2(descriptor, place)
    os.close(descriptor)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Becomes the daemon, as systemd's child does: the descriptors from 3 on, and the number of its own process."""


def listening_socket(address: tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    """Return a socket that listens already; whoever connects waits in it."""
    held = socket.create_server(address, backlog=4096)
    held.setblocking(False)
    return held


class ServiceManager:
    """Starts one daemon after the other with the same sockets."""

    def __init__(self, machine: Machine, **sockets: socket.socket) -> None:
        """Take the sockets by the names under which they are passed."""
        self._machine = machine
        self.sockets = sockets
        self._starts = 0
        path = machine.home / "notify"
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(path))
        self._told.setblocking(False)
        self._address = str(path)

    def close(self) -> None:
        """Close all sockets."""
        for each in (self._told, *self.sockets.values()):
            each.close()

    @asynccontextmanager
    async def daemon(self, *, names: Sequence[str] | None = None) -> AsyncIterator[DaemonProcess]:
        """Start a daemon until it is ready; kill what still runs."""
        # High numbers, so that none is overwritten before it was copied to where it belongs.
        held = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in self.sockets.values()]
        self._starts += 1
        log = self._machine.home / f"daemon-{self._starts}.log"
        environment = {
            **self._machine.environment,
            "LISTEN_FDS": str(len(held)),
            "LISTEN_FDNAMES": ":".join(names or self.sockets),
            "NOTIFY_SOCKET": self._address,
        }
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: ASYNC220 - returns once the process is made
                [
                    sys.executable, "-c", PASS_ON, ",".join(map(str, held)),
                    "-m", "kling_daemon", "run", "--config", str(self._machine.config),
                ],
                cwd=self._machine.home, env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=held,
            )  # fmt: skip
        for descriptor in held:
            os.close(descriptor)
        try:
            daemon = DaemonProcess(machine=self._machine, process=process, log=log)
            await daemon.until_said("ready")
            yield daemon
        finally:
            process.kill()
            process.wait()

    async def told(self) -> dict[str, str]:
        """Wait for the next thing that the manager is told."""
        datagram = await asyncio.get_running_loop().sock_recv(self._told, 4096)
        return dict(line.split("=", 1) for line in datagram.decode().splitlines())
