"""A callback on its way from the wire to its answer: a value for each step that it has come through."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kling_daemon.fast_init import fast_init
from kling_daemon.kling.bodies import Flaw
from kling_daemon.reports import Report
from kling_daemon.standard_webhooks import HEADERS
from kling_daemon.store import News, RawCallback
from kling_daemon.telemetry.capability_text import MASK, SHORTEST, cut_capabilities
from kling_daemon.tracking.backlog import EACH
from kling_daemon.tracking.trust import Verdict, VerdictKind

SIGNED_HEADERS = frozenset(name.encode("ascii") for name in HEADERS)
"""The headers that a signature is checked by, in lower case."""

_MOST_ENCODED = 4 * 1024
"""How many bytes of percent-encoded headers of one request are decoded."""

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

    @property
    def room(self) -> int:
        """How many bytes it takes while it waits to be committed."""
        callback = self.news.callback
        return EACH if callback is None else EACH + len(callback.body)


def to_raw(callback: Callback, verdict: Verdict, received_at: datetime) -> RawCallback:
    """Return what is kept of a callback: all of it but credentials and capabilities.

    The body and the three headers of its signature are kept byte for byte, so that the signature can be checked again
    at any time. They are Kling's words, not a proxy's. Of one without weight no more is kept than the task's id.
    """
    return RawCallback(
        webhook_id=verdict.webhook_id,
        body=callback.body,
        headers=b"" if verdict.kind is VerdictKind.WEIGHTLESS else _lines(callback.headers),
        verdict=str(verdict.kind),
        secret=verdict.secret,
        received_at=received_at,
    )


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return header lines without capabilities: proxies hand the path on in headers of their own.

    Of whatever job, and whether it is good or not: another path than this one may have been rewritten, and a capability
    under a key of yesterday may be good still. What is percent-encoded has to be decoded for that, which takes time; of
    a request that bears very much of it the rest is masked unread.
    """
    room = _MOST_ENCODED
    parts: list[bytes] = []
    for name, value in headers:
        lower = name.lower()
        if lower in _UNKEPT_HEADERS:
            continue
        kept = value
        if len(value) >= SHORTEST and lower not in SIGNED_HEADERS:
            is_encoded = b"%" in value
            room -= len(value) if is_encoded else 0
            is_read = room >= 0 or not is_encoded
            kept = cut_capabilities(value.decode("latin-1")).encode("latin-1") if is_read else MASK.encode("ascii")
        parts += (name, b": ", kept, b"\r\n")
    return b"".join(parts)
