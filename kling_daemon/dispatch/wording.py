"""Puts what a handler raised into one line that can be stored, logged and shown."""

from kling_daemon.telemetry.redaction import redact_text

_LONGEST = 500
_READ_AT_MOST = 5_000


def one_line(said: object) -> str:
    """Return what was said as one printable line of limited length, without secrets that can be told by their form.

    said: text, or what a plugin gave instead; whatever its `__str__` does.
    """
    try:
        text = str(said)[:_READ_AT_MOST]
    except BaseException:  # noqa: BLE001 - foreign code, which may even call `sys.exit`
        return "(its message cannot be read)"
    text = redact_text("".join(map(_printable, " ".join(text.split()))))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def describe(error: BaseException) -> str:
    """Return an exception's type and message as one line."""
    message = one_line(error)
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def _printable(character: str) -> str:
    """Escape what a terminal would obey, what ends a text in the database, and what is no text at all."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def innermost(error: BaseException) -> BaseException:
    """Return what a task group wrapped, if that was one exception alone: a handler's `Retry` may come that way."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
