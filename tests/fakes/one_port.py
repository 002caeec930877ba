"""One port on several addresses of this machine, so that a test sees which of them is connected to."""

import socket


def one_port(*hosts):
    """Return a bound socket for each address, all of the same port."""
    for _ in range(100):
        bound = []
        try:
            for host in hosts:
                sock = socket.socket()
                bound.append(sock)
                sock.bind((host, bound[0].getsockname()[1] if len(bound) > 1 else 0))
        except OSError:  # somebody else has that port on one of them
            for sock in bound:
                sock.close()
        else:
            return bound
    raise AssertionError("no port is free on all of these addresses")
