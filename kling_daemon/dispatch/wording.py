"""Puts what a handler raised into one line that can be stored, logged and shown."""

from kling_daemon.telemetry.redaction import redact_text

_LONGEST = 500
_READ_AT_MOST = 5_000


def one_line(text: str) -> str:
    """Return text without line breaks, of limited length, and without secrets that can be told by their form."""
    storable = text[:_READ_AT_MOST].encode("utf-8", "backslashreplace").decode()  # a file's name may be no text
    text = redact_text(" ".join(storable.split()))
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
