"""What an error of Kling's says about the next question: whether Kling can be asked at all, or it is about this one."""

from collections.abc import Sequence

from kling_daemon.kling.errors import ErrorKind, KlingError


def is_trouble(error: KlingError) -> bool:
    """True when an error says that Kling cannot be asked at the moment; else it is about what was asked for."""
    return error.kind.is_retryable_read or error.kind.refuses_us


def may_be_one_job(error: KlingError) -> bool:
    """True when the request seems to have come through to Kling, and only the answer was none."""
    return error.kind in (ErrorKind.SERVER, ErrorKind.UNINTELLIGIBLE, ErrorKind.NO_ANSWER)


def first_trouble(errors: Sequence[KlingError]) -> KlingError | None:
    """Return the first error that says that Kling cannot be asked at the moment."""
    return next((error for error in errors if is_trouble(error)), None)
