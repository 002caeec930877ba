"""When Kling deletes a result: read from its URL, for the signature in it ends at that moment."""

from datetime import datetime, timedelta

from kling_daemon.clock import from_millis

LIFETIME = timedelta(days=30)
"""How long Kling keeps results after a task's update time; a live `ksTime` was exactly that."""

_BASES = {"ksTime": 16, "Expires": 10}
_MAX_DIGITS = 10  # unix seconds, in either base, until the year 2286
_EARLIEST = 10**9  # 2001: what lies before it is no moment of Kling's


def expires_at(url: str) -> datetime | None:
    """Return the moment that the URL's query names: `ksTime` (hexadecimal) or `Expires` (decimal) unix seconds."""
    query = url.partition("?")[2].partition("#")[0]
    for field in query.split("&"):
        name, _, value = field.partition("=")
        base = _BASES.get(name)
        if base is not None and value.isascii() and value.isalnum() and len(value) <= _MAX_DIGITS:
            try:
                seconds = int(value, base)
            except ValueError:
                continue
            if _EARLIEST <= seconds < 10**10:
                return from_millis(seconds * 1_000)
    return None
