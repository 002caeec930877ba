"""Whether a request was signed with one of our secrets, over its id, its time and its raw body; strictly."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from kling_daemon.standard_webhooks.parsing import Signer, Verifier

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"
HEADERS = frozenset({HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE})
TOLERANCE = timedelta(minutes=5)

_ID = re.compile(r"[ -~]+")
"""Any printable ASCII, as long as its header may be. A full stop leaves it open where the id ends and the time begins;
but who divides `id.time.body` elsewhere has no JSON object left for a body (docs/decisions/0030-signatures.md)."""
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


class Flaw(StrEnum):
    """Why a signature does not verify; for logs and metrics, never for the sender."""

    MISSING_HEADER = "missing_header"
    """At least one of the three headers is there, but not all."""
    BAD_ID = "bad_id"
    """The id has control characters, or what is not ASCII."""
    BAD_TIMESTAMP = "bad_timestamp"
    """The timestamp is not a plain number of seconds."""
    STALE = "stale"
    """The timestamp lies too far in the past or in the future."""
    NO_SIGNATURE = "no_signature"
    """The list has no well-formed signature of a version that one of our secrets is for."""
    NO_MATCH = "no_match"
    """No signature in the list was made with any of our secrets over this body."""


class SignatureError(Exception):
    """A signature does not verify."""

    def __init__(self, flaw: Flaw) -> None:
        """Take the machine-readable reason."""
        super().__init__(str(flaw))
        self.flaw = flaw


def sign(secret: Signer, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return one entry of a list of signatures over id, unix seconds and the raw body."""
    return secret.sign(_content(webhook_id, str(timestamp), body))


def verify(
    secrets: Sequence[Verifier],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> Verifier:
    """Return the secret that one of the signatures was made with.

    headers: names in lower case. Any entry of the list may match any secret of its version; entries of other versions
    and malformed ones are passed over. Nothing is hashed before the rest is in order. Raises SignatureError and nothing
    else, whatever the bytes.
    """
    webhook_id, timestamp = headers.get(HEADER_ID), headers.get(HEADER_TIMESTAMP)
    signatures = headers.get(HEADER_SIGNATURE)
    if not webhook_id or not timestamp or not signatures:
        raise SignatureError(Flaw.MISSING_HEADER)
    if not _ID.fullmatch(webhook_id):
        raise SignatureError(Flaw.BAD_ID)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(Flaw.BAD_TIMESTAMP)
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise SignatureError(Flaw.STALE)
    content = None
    for secret in secrets:
        offered = secret.ENTRIES.findall(signatures)
        if offered:
            content = content or _content(webhook_id, timestamp, body)
            if secret.has_signed(content, offered):
                return secret
    raise SignatureError(Flaw.NO_SIGNATURE if content is None else Flaw.NO_MATCH)


def _content(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body)
