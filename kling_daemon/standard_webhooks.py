"""Standard Webhooks signatures (version `v1`, HMAC-SHA256): made by the simulator, checked by the receiver.

Source: the Standard Webhooks specification, which Kling follows to the letter since August 2026. The `standardwebhooks`
package is the oracle of the tests and not used here, since it raises unrelated errors on malformed input.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"
HEADERS = frozenset({HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE})
TOLERANCE = timedelta(minutes=5)

_PREFIX = "whsec_"
_TIMESTAMP = re.compile(r"[0-9]{1,15}")
_SIGNATURE_BYTES = 32


class Flaw(StrEnum):
    """Why a signature does not verify; for logs and metrics, never for the sender."""

    MISSING_HEADER = "missing_header"
    """At least one of the three headers is there, but not all."""
    BAD_TIMESTAMP = "bad_timestamp"
    """The timestamp is not a plain number of seconds."""
    STALE = "stale"
    """The timestamp lies too far in the past or in the future."""
    NO_MATCH = "no_match"
    """No signature in the list was made with any of our secrets over this body."""


class SignatureError(Exception):
    """A signature does not verify."""

    def __init__(self, flaw: Flaw) -> None:
        """Take the machine-readable reason."""
        super().__init__(str(flaw))
        self.flaw = flaw


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secret:
    """One named signing secret; it never shows its key."""

    name: str
    key: bytes
    _keyed: hmac.HMAC = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Keyed once: that is half of the work for a body of Kling's size.
        object.__setattr__(self, "_keyed", hmac.new(self.key, digestmod=sha256))

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read `whsec_<base64>` (prefix and padding may be missing); ValueError says what is wrong, not the secret."""
        encoded = text.strip().removeprefix(_PREFIX)
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"webhook secret {name!r} is not base64 after its whsec_ prefix") from None
        if not key:
            raise ValueError(f"webhook secret {name!r} is empty")
        return cls(name=name, key=key)

    def __repr__(self) -> str:
        return f"Secret(name={self.name!r})"

    def digest(self, message: bytes) -> bytes:
        """Return the HMAC-SHA256 of a message under the key."""
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.digest()


def sign(secret: Secret, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return one `v1,<base64>` signature over id, unix seconds and the raw body."""
    return "v1," + base64.b64encode(_digest(secret, webhook_id.encode(), b"%d" % timestamp, body)).decode()


def verify(
    secrets: Sequence[Secret],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> Secret:
    """Return the secret that one of the signatures was made with.

    headers: names in lower case. Any entry of the list may match any secret; entries of other versions and malformed
    ones are passed over. Raises SignatureError and nothing else, whatever the bytes.
    """
    webhook_id, timestamp = headers.get(HEADER_ID), headers.get(HEADER_TIMESTAMP)
    signatures = headers.get(HEADER_SIGNATURE)
    if not webhook_id or not timestamp or not signatures:
        raise SignatureError(Flaw.MISSING_HEADER)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(Flaw.BAD_TIMESTAMP)
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise SignatureError(Flaw.STALE)
    offered = [signature for entry in signatures.split(" ") if (signature := _decode(entry)) is not None]
    try:
        raw_id, raw_timestamp = webhook_id.encode("utf-8", "surrogateescape"), timestamp.encode()
    except UnicodeEncodeError:
        raise SignatureError(Flaw.NO_MATCH) from None
    for secret in secrets:
        expected = _digest(secret, raw_id, raw_timestamp, body)
        # Every pair is compared, so that the time taken tells nothing about which one matched.
        matches = [hmac.compare_digest(expected, signature) for signature in offered]
        if any(matches):
            return secret
    raise SignatureError(Flaw.NO_MATCH)


def _digest(secret: Secret, webhook_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    return secret.digest(b"%b.%b.%b" % (webhook_id, timestamp, body))


def _decode(entry: str) -> bytes | None:
    """Return the bytes of one `v1,<base64>` entry; None for another version or malformed base64."""
    version, _, encoded = entry.partition(",")
    if version != "v1":
        return None
    try:
        signature = binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    canonical = binascii.b2a_base64(signature, newline=False).decode() == encoded
    return signature if len(signature) == _SIGNATURE_BYTES and canonical else None
