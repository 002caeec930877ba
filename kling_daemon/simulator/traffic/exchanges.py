"""The lines of a recording: one exchange each, as JSON."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FORMAT = 1
"""The version of the lines' form; a reader refuses any other."""
LONGEST_HEADER = 200
"""Of a header, no more characters are kept, and of these only those of ASCII that can be printed."""


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
    return isinstance(body, dict) and body.keys() == {"text", "bytes"} and isinstance(body["text"], str)
