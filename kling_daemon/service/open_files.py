"""How many files and connections the process may have open: as many as it is let, not what shells begin with."""

import resource
from contextlib import suppress

ENOUGH = 16_384
"""What the systemd unit asks for as well."""


def allow_many_open_files() -> int:
    """Raise our own limit as far as that is allowed, and return what it is; a service manager's higher one stays.

    Shells begin with 1024, which a thousand listeners to a stream use up, and then no callback can be taken.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if most == resource.RLIM_INFINITY else min(ENOUGH, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def open_files() -> int:
    """Return how many files the process may have open, and no more than it would ask for."""
    now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return ENOUGH if now == resource.RLIM_INFINITY else min(ENOUGH, now)
