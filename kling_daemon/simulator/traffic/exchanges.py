"""The lines of a recording: one exchange each, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

FORMAT = 1
"""The version of the lines' form; a reader refuses any other."""


class Side(StrEnum):
    """Who asked."""

    KLING = "kling"
    """A client asked Kling."""
    CALLBACK = "callback"
    """Kling called back."""


class Signature(StrEnum):
    """What a callback's signature was worth to whoever recorded it."""

    NONE = "none"
    """No header of a signature."""
    VALID = "valid"
    INVALID = "invalid"
    """None of the secrets made it, or not over this body."""
    STALE = "stale"
    """Its time lay too far from that of the recording."""
    UNCHECKED = "unchecked"
    """Whoever recorded it knew no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer, without anything secret.

    Bodies are JSON values; what was no JSON is `{"text": …, "bytes": …}`.
    """

    side: Side
    at: float
    """Seconds from the start of the recording to the request."""
    took: float
    """Seconds to the end of its answer, or to when the connection was cut."""
    method: str
    target: str
    """Of a request to Kling its path and query; of a callback its URL, at the host `receiver.invalid`."""
    body: Any = None
    status: int | None = None
    """None: there was no answer."""
    answer: Any = None
    retry_after: str | None = None
    """The header of the answer."""
    credentials: str | None = None
    """Of a request to Kling: `key`, `token` (a JWT) or `none`."""
    ahead: float | None = None
    """How many seconds the answer's `Date` was ahead of the recorder's clock."""
    signature: Signature | None = None
    """Of a callback."""
    webhook_id: str | None = None
    """Of a callback with a signature."""

    def line(self) -> str:
        """Return it as a line, without what is not there."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def is_text(body: Any) -> bool:
    """True for what stands in a recording for a body that was no JSON."""
    return isinstance(body, dict) and body.keys() == {"text", "bytes"}


class RecordingError(Exception):
    """A file is no recording that can be played; the message says where and why."""


def read_recording(path: Path) -> list[Exchange]:
    """Return the exchanges of a file in the order of their requests. RecordingError when it is none.

    A last line that was cut off, as a crash leaves it, is passed over.
    """
    try:
        lines = path.read_bytes().decode().split("\n")
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordingError(f"{path} is no text in UTF-8, and so no recording") from None
    head = _object(lines[0])
    if head is None or head.get("recording") != FORMAT:
        raise RecordingError(f"{path}, line 1: is not the head of a recording of form {FORMAT}")
    exchanges = []
    # The last part is empty, or what was being written when the recorder died.
    for number, line in enumerate(lines[1:-1], start=2):
        try:
            exchanges.append(_exchange(_object(line)))
        except (TypeError, ValueError) as error:
            raise RecordingError(f"{path}, line {number}: is no exchange: {error}") from None
    return sorted(exchanges, key=lambda exchange: exchange.at)


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _exchange(values: Mapping[str, Any] | None) -> Exchange:
    """Return what a line says; TypeError or ValueError when that is no exchange."""
    if values is None:
        raise ValueError("not a JSON object")
    exchange = Exchange(**values)
    for name, kinds in _KINDS.items():
        value = getattr(exchange, name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise TypeError(f"`{name}` is of a wrong type")
    Side(exchange.side)
    return exchange


_KINDS: Mapping[str, tuple[type, ...]] = {
    "side": (str,),
    "at": (int, float),
    "took": (int, float),
    "method": (str,),
    "target": (str,),
    "status": (int, type(None)),
    "retry_after": (str, type(None)),
    "ahead": (int, float, type(None)),
    "signature": (str, type(None)),
    "webhook_id": (str, type(None)),
}
