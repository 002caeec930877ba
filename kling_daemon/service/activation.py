"""Sockets that a service manager listens on and passes to each start, so that nobody is refused between two of them.

Source: sd_listen_fds(3). Own code, since no library that is kept fits (the reasons are in the fifth decision).
"""

import os
import socket
import stat
from collections.abc import Mapping, MutableMapping, Sequence

RECEIVER = "receiver"
API = "api"
NAMES = (RECEIVER, API)
"""What `FileDescriptorName=` of a socket unit may be, which says what is served there."""

_FIRST = 3
"""The first passed descriptor; the others follow it."""
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

Sockets = Mapping[str, Sequence[socket.socket]]
"""The passed sockets by name; several where a socket unit lists several addresses."""


class ActivationError(Exception):
    """What was passed cannot be served; the message says why and what to do."""


def take_sockets(environ: MutableMapping[str, str]) -> Sockets:
    """Return the sockets that were passed to this process, if any; they belong to the caller.

    The variables that tell of them are taken out, and the sockets are closed in the programs that this one starts.
    Raises ActivationError.
    """
    pid, count, names = (environ.pop(variable, "") for variable in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}  # meant for another process, as for one that has started this one
    named = names.split(":") if names else []
    taken: dict[str, list[socket.socket]] = {}
    for place in range(int(count)):
        name = named[place] if place < len(named) else ""
        taken.setdefault(name, []).append(_take(_FIRST + place, name))
    if strange := sorted(taken.keys() - set(NAMES)):
        raise ActivationError(
            f"sockets named {strange[0]!r} were passed; say what is served there: "
            f"FileDescriptorName={RECEIVER} or {API} in the socket unit"
        )
    return taken


def _take(descriptor: int, name: str) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise ActivationError(f"descriptor {descriptor} ({name}) was not passed after all: {error.strerror}") from None
    if is_socket:
        passed = socket.socket(fileno=descriptor)
        if passed.type == socket.SOCK_STREAM and passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            passed.setblocking(False)
            return passed
        passed.detach()
    raise ActivationError(
        f"descriptor {descriptor} ({name}) is no socket that listens; use ListenStream= and Accept=no"
    )
