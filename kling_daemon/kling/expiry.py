"""When Kling deletes a result: read from its URL, for the signature in it ends at that moment."""

from datetime import datetime, timedelta

from kling_daemon.clock import from_millis

LIFETIME = timedelta(days=30)
"""How long Kling keeps results after a task's update time; a live `ksTime` was exactly that."""

_PARAMETERS = (("&ksTime=", 16), ("&Expires=", 10))
_MAX_DIGITS = 10
_EARLIEST, _LATEST = 10**9, 10**10  # 2001 and 2286: what lies outside is no moment of Kling's


def expires_at(url: str) -> datetime | None:
    """Return the moment that the URL's query names: `ksTime` (hexadecimal) or `Expires` (decimal) unix seconds."""
    query = "&" + url.partition("?")[2].partition("#")[0]
    for parameter, base in _PARAMETERS:
        start = query.find(parameter)
        if start < 0:
            continue
        value = query[start + len(parameter) :].partition("&")[0]
        if len(value) > _MAX_DIGITS or not value.isascii() or not value.isalnum():
            continue
        try:
            seconds = int(value, base)
        except ValueError:
            continue
        if _EARLIEST <= seconds < _LATEST:
            return from_millis(seconds * 1_000)
    return None
