"""Puts what a handler raised into one line that can be stored, logged and shown."""

import re

_LONGEST = 500
_READ_AT_MOST = 5_000
# A query is where signed URLs keep their permission; what stands before an @ is a name and a password.
_SECRET_PARTS = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/?#@]*@)?(?P<place>[^\s?#]*)(?:[?#]\S*)?")


def one_line(text: str) -> str:
    """Return text without line breaks, of limited length, its URLs cut before user names and queries."""
    text = " ".join(text[:_READ_AT_MOST].split())
    text = _SECRET_PARTS.sub(r"\g<scheme>\g<place>", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def describe(error: BaseException) -> str:
    """Return an exception's type and message as one line; whatever its `__str__` does."""
    try:
        message = one_line(str(error))
    except Exception:  # noqa: BLE001 - a foreign exception may be unable to describe itself
        message = "(its message cannot be read)"
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def innermost(error: BaseException) -> BaseException:
    """Return what a task group wrapped, if that was one exception alone: a handler's `Retry` may come that way."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
