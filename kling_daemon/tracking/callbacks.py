"""A callback on its way from the wire to its answer: a value for each step that it has come through."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kling_daemon.fast_init import fast_init
from kling_daemon.kling.bodies import Flaw
from kling_daemon.reports import Report
from kling_daemon.standard_webhooks import HEADERS
from kling_daemon.store import News, RawCallback
from kling_daemon.telemetry.capability_text import SHORTEST, cut_capabilities
from kling_daemon.tracking.trust import Verdict

SIGNED_HEADERS = frozenset(name.encode("ascii") for name in HEADERS)
"""The headers that a signature is checked by, in lower case."""

_UNKEPT_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One request at the callback path, as it came."""

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = field(repr=False)
    path: str = field(repr=False)
    peer: str | None = None
    """The address at the connection's other end."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A callback that is not refused."""

    verdict: Verdict
    raw: RawCallback


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A callback whose body was looked into."""

    verdict: Verdict
    raw: RawCallback
    data: Any = field(repr=False)
    """The JSON of its body."""
    report: Report | Flaw
    """What it tells of a task, or why it tells nothing."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender of a callback is told; never why."""

    status: int
    retry_after: int | None = None
    """Seconds, for 429 and 503."""


UNHANDLED = Answer(status=503, retry_after=30)
"""Where our own code fails: a sender that is told so comes again, and nothing is lost."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is to be recorded of a callback, and what is answered and counted once that is committed."""

    news: News
    answer: Answer
    verdict: str
    reason: str
    secret: str | None
    """The name of the secret that has signed it."""


def to_raw(callback: Callback, verdict: Verdict, received_at: datetime) -> RawCallback:
    """Return what is kept of a callback: all of it but credentials and capabilities.

    The body and the three headers of its signature are kept byte for byte, so that the signature can be checked again
    at any time. They are Kling's words, not a proxy's.
    """
    kept = [
        b"%b: %b\r\n" % (name, value if len(value) < SHORTEST else _without_capabilities(name, value))
        for name, value in callback.headers
        if name.lower() not in _UNKEPT_HEADERS
    ]
    return RawCallback(
        webhook_id=verdict.webhook_id,
        body=callback.body,
        headers=b"".join(kept),
        verdict=verdict.kind.value,
        secret=verdict.secret,
        received_at=received_at,
    )


def _without_capabilities(name: bytes, value: bytes) -> bytes:
    """Return a header's value without capabilities: proxies hand the path on in headers of their own.

    Of whatever job, and whether it is good or not: another path than this one may have been rewritten, and a capability
    under a key of yesterday may be good still.
    """
    if name.lower() in SIGNED_HEADERS:
        return value
    return cut_capabilities(value.decode("latin-1")).encode("latin-1")
