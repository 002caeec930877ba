"""TCP ports for programs that are started again and again at the same address."""

import random
import socket

_RANGE = range(20_000, 32_000)
"""Below what Linux gives to outgoing connections: none of those may take the port while its owner is dead."""
_TRIES = 200


def free_port() -> int:
    """Return a port on which nobody listens on loopback; OSError when none is found.

    Chosen by no seed: campaigns that run side by side with the same one would take each other's callbacks.
    """
    dice = random.SystemRandom()
    for _ in range(_TRIES):
        port = dice.choice(_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port was found on 127.0.0.1")
