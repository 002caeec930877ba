"""Reads the bytes of a body as JSON, and names what is wrong with them where they are none."""

import json
from enum import StrEnum
from typing import Any, NoReturn

from pydantic_core import from_json


class Flaw(StrEnum):
    """Why something is no statement about a task; for logs and metrics, never for the sender."""

    NOT_UTF8 = "not_utf8"
    """The bytes are no UTF-8."""
    NOT_JSON = "not_json"
    """The text is no JSON; NaN, infinities and integers of thousands of digits are none either."""
    TOO_DEEP = "too_deep"
    """The JSON is nested more deeply than anything that Kling sends."""
    NOT_AN_OBJECT = "not_an_object"
    """The JSON is a list, a string, a number, …."""
    NO_TASK_ID = "no_task_id"
    """No field holds what could be a task's id."""
    NO_STATUS = "no_status"
    """There is an id, but no status word, so that nothing is said about the task."""
    SEVERAL_TASKS = "several_tasks"
    """More than one task stands where one was expected."""


class UnreadableError(Exception):
    """Something is no statement about a task; the message holds nothing of what was read."""

    def __init__(self, flaw: Flaw) -> None:
        """Take the machine-readable reason."""
        super().__init__(str(flaw))
        self.flaw = flaw


def read_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds; of a key that stands twice the last value counts.

    Raises UnreadableError and nothing else, whatever the bytes.
    """
    try:
        value = _parse(raw)
    except UnicodeDecodeError:
        raise UnreadableError(Flaw.NOT_UTF8) from None
    except ValueError:
        raise UnreadableError(Flaw.NOT_JSON) from None
    except RecursionError:
        raise UnreadableError(Flaw.TOO_DEEP) from None
    if not isinstance(value, dict):
        raise UnreadableError(Flaw.NOT_AN_OBJECT)
    return value


def _parse(raw: bytes) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        # It is twice as fast, but gives no reason, and refuses lone surrogates: half an emoji that Kling cut in two.
        return _DECODER.decode(raw.decode("utf-8"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # `json.loads` would make a new one for every body
