"""Version `v1a`: ed25519, checked with a public key `whpk_<base64>`, so that a receiver's secrets can forge nothing.

The package `cryptography` (the extra `asymmetric`) is imported only where such a key is configured.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Self

from kling_daemon.standard_webhooks.key_text import PRIVATE, PUBLIC, key_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY_BYTES = 32
_PAIR_BYTES = 64

_FIELD = 2**255 - 19
_Y_BITS = 2**255 - 1
_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _EIGHTH, _FIELD - _EIGHTH})
"""The y coordinates of the eight points whose order is 8 or less (RFC 8032 names the field and the curve)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PublicKey:
    """One named key that checks signatures and makes none."""

    ENTRIES: ClassVar[re.Pattern[str]] = re.compile(r"(?<![^ ])v1a,([A-Za-z0-9+/]{85}[AQgw]==)(?![^ ])")
    """Finds the signatures of this version in a list: canonical, padded base64 of 64 bytes, between spaces."""
    MOST: ClassVar[int] = 8
    """How many well-formed signatures of one list are compared, the first ones. Each takes 0.14 ms, far longer
    than with `v1`, and a header has room for 90; a sender has one for each key of his, two while he exchanges it."""

    name: str
    key: bytes
    _checks: "Ed25519PublicKey" = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_checks", _ed25519(self.name).Ed25519PublicKey.from_public_bytes(self.key))

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read `whpk_<base64>` of 32 bytes; ValueError says what is wrong, also that `cryptography` is missing."""
        key = key_bytes(name, text, PUBLIC)
        if len(key) != _KEY_BYTES:
            raise ValueError(f"webhook secret {name!r} is a public key of {len(key)} bytes, not of {_KEY_BYTES}")
        public = cls(name=name, key=key)
        if _is_weak(key):
            raise ValueError(
                f"webhook secret {name!r} is a public key under which anybody can sign; give the sender's own"
            )
        return public

    def __repr__(self) -> str:
        return f"PublicKey(name={self.name!r})"

    def has_signed(self, content: bytes, signatures: Sequence[str]) -> bool:
        """True when one of the signatures, as `ENTRIES` finds them, is of this content by the key's other half."""
        return any(self._verifies(content, base64.b64decode(signature)) for signature in signatures[: self.MOST])

    def _verifies(self, content: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._checks.verify(signature, content)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SigningKey:
    """One named private key; it never shows itself. The simulator signs with it, the daemon has none."""

    ENTRIES: ClassVar[re.Pattern[str]] = PublicKey.ENTRIES

    name: str
    key: bytes
    _signs: "Ed25519PrivateKey" = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_signs", _ed25519(self.name).Ed25519PrivateKey.from_private_bytes(self.key))

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read `whsk_<base64>`: the 32 bytes of a private key, behind which the public one may stand; or ValueError."""
        key = key_bytes(name, text, PRIVATE)
        if len(key) not in (_KEY_BYTES, _PAIR_BYTES):
            raise ValueError(f"webhook secret {name!r} is a private key of {len(key)} bytes, not of {_KEY_BYTES}")
        signing = cls(name=name, key=key[:_KEY_BYTES])
        if key[_KEY_BYTES:] not in (b"", signing._public_bytes()):
            raise ValueError(f"webhook secret {name!r} is a private key with a public one that does not belong to it")
        return signing

    def __repr__(self) -> str:
        return f"SigningKey(name={self.name!r})"

    @property
    def public(self) -> PublicKey:
        """Its other half, which checks what it signs."""
        return PublicKey(name=self.name, key=self._public_bytes())

    @property
    def public_text(self) -> str:
        """The public key as a receiver configures it: `whpk_<base64>`."""
        return PUBLIC + base64.b64encode(self._public_bytes()).decode("ascii")

    def has_signed(self, content: bytes, signatures: Sequence[str]) -> bool:
        """True when one of the signatures, as `ENTRIES` finds them, is of this content by this key."""
        return self.public.has_signed(content, signatures)

    def sign(self, content: bytes) -> str:
        """Return the entry of a list of signatures: `v1a,<base64>`."""
        return f"v1a,{base64.b64encode(self._signs.sign(content)).decode('ascii')}"

    def _public_bytes(self) -> bytes:
        return self._signs.public_key().public_bytes_raw()


def _is_weak(key: bytes) -> bool:
    """True for a point of small order, such as a placeholder of zeros: it verifies signatures that nobody has made."""
    return (int.from_bytes(key, "little") & _Y_BITS) % _FIELD in _SMALL_ORDER


def _ed25519(name: str) -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise ValueError(
            f"webhook secret {name!r} is a key for ed25519 (v1a), which needs the extra 'asymmetric'; "
            "run: pip install 'kling-daemon[asymmetric]'"
        ) from None
    return ed25519
