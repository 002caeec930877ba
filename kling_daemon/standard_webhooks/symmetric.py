"""Version `v1`: HMAC-SHA256 under a secret that sender and receiver share, written `whsec_<base64>`."""

import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Self

from kling_daemon.standard_webhooks.key_text import SYMMETRIC, key_bytes

RECOMMENDED_BYTES = 24
"""The least that the specification asks of a secret; a shorter one works, and is guessed sooner."""

MOST_BYTES = 64
"""The most that the specification allows; HMAC makes a hash of a longer one, and nobody hands such a one out."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secret:
    """One named signing secret; it never shows its key."""

    ENTRIES: ClassVar[re.Pattern[str]] = re.compile(r"(?<![^ ])v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?![^ ])")
    """Finds the signatures of this version in a list: canonical, padded base64 of 32 bytes, between spaces."""

    name: str
    key: bytes
    _keyed: hmac.HMAC = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Keyed once: that is half of the work for a body of Kling's size.
        object.__setattr__(self, "_keyed", hmac.new(self.key, digestmod=sha256))

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read `whsec_<base64>` (prefix and padding may be missing); ValueError says what is wrong, not the secret."""
        key = key_bytes(name, text, SYMMETRIC)
        if len(key) > MOST_BYTES:
            raise ValueError(
                f"webhook secret {name!r} has {len(key)} bytes, and Standard Webhooks allows {MOST_BYTES} at most; "
                "copy it again from where it was made"
            )
        return cls(name=name, key=key)

    def __repr__(self) -> str:
        return f"Secret(name={self.name!r})"

    @property
    def is_short(self) -> bool:
        """True when it has fewer bytes than the specification asks for."""
        return len(self.key) < RECOMMENDED_BYTES

    def sign(self, content: bytes) -> str:
        """Return the entry of a list of signatures: `v1,<base64>`."""
        return f"v1,{self._signature(content)}"

    def has_signed(self, content: bytes, signatures: Sequence[str]) -> bool:
        """True when one of the signatures, as `ENTRIES` finds them, is of this content under this key."""
        expected = self._signature(content)
        # Every one is compared, so that the time taken tells nothing. Being canonical, texts are equal if bytes are.
        return sum(hmac.compare_digest(expected, signature) for signature in signatures) > 0

    def _signature(self, content: bytes) -> str:
        keyed = self._keyed.copy()
        keyed.update(content)
        return binascii.b2a_base64(keyed.digest(), newline=False).decode("ascii")
