"""Reads a recording. It comes from strangers, so nothing in it is played that no recorder writes."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pydantic

from kling_daemon.simulator.traffic.exchanges import FORMAT, LONGEST_HEADER, Exchange, Side, Signature
from kling_daemon.simulator.traffic.masks import RECEIVER
from kling_daemon.wording import dotted

_DEEPEST = 60
"""A recorder cuts what is nested deeper than 40."""
_LONGEST = timedelta(days=36_500).total_seconds()
"""Neither does a recording last longer, nor is a clock off by more, with which one could still reckon."""

_Seconds = Annotated[float, pydantic.Field(strict=True, ge=0, le=_LONGEST)]
_Header = Annotated[str, pydantic.Field(pattern=r"^[ -~]*$", max_length=LONGEST_HEADER)]
_PATH = re.compile(r"/[!-~]*")


class _Line(pydantic.BaseModel):
    """What a line may hold: the fields of an exchange, each within the bounds of what a recorder writes."""

    model_config = pydantic.ConfigDict(extra="forbid", hide_input_in_errors=True)

    side: Side
    at: _Seconds
    took: _Seconds
    method: Annotated[str, pydantic.Field(pattern=r"^[!-~]+$")]
    target: str
    body: Any = None
    status: Annotated[int, pydantic.Field(strict=True, ge=200, le=999)] | None = None
    answer: Any = None
    retry_after: _Header | None = None
    credentials: _Header | None = None
    ahead: Annotated[float, pydantic.Field(strict=True, ge=-_LONGEST, le=_LONGEST)] | None = None
    signature: Signature | None = None
    webhook_id: _Header | None = None

    @pydantic.field_validator("target")
    @classmethod
    def _leads_nowhere_else(cls, target: str, info: pydantic.ValidationInfo) -> str:
        # Behind the receiver's address, what is no path could name another host, and tell that a good signature.
        if info.data.get("side") is Side.CALLBACK and _PATH.fullmatch(target.removeprefix(RECEIVER)) is None:
            raise ValueError
        return target

    @pydantic.field_validator("body", "answer")
    @classmethod
    def _is_shallow(cls, value: Any) -> Any:
        if not _fits(value, _DEEPEST):
            raise ValueError
        return value


class RecordingError(Exception):
    """A file is no recording that can be played; the message says where and why."""


def read_recording(path: Path) -> list[Exchange]:
    """Return the exchanges of a file in the order of their requests. RecordingError when it is none.

    A last line that was cut off, as a crash leaves it, is passed over.
    """
    try:
        return sorted(_exchanges(path), key=lambda exchange: exchange.at)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordingError(f"{path} is no text in UTF-8, and so no recording") from None


def _exchanges(path: Path) -> Iterator[Exchange]:
    # Line by line: a recording of a day may be larger than what there is of memory for it twice.
    with path.open(encoding="utf-8", newline="\n") as file:
        head = _object(file.readline())
        if head is None or head.get("recording") != FORMAT:
            raise RecordingError(f"{path}, line 1: is not the head of a recording of form {FORMAT}")
        for number, line in enumerate(file, start=2):
            if not line.endswith("\n"):
                return
            values = _object(line)
            if values is None:
                raise RecordingError(f"{path}, line {number}: is no exchange: not a JSON object")
            try:
                yield Exchange(**dict(_Line.model_validate(values)))
            except pydantic.ValidationError as error:
                wrong = ", ".join(f"`{dotted(details['loc'])}`" for details in error.errors(include_url=False))
                raise RecordingError(f"{path}, line {number}: is no exchange: no recorder writes its {wrong}") from None


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _fits(value: Any, room: int) -> bool:
    """Return whether a JSON value is nested no deeper than this."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return room > 0 and all(_fits(one, room - 1) for one in inner)
