"""Signs, for an access key and its secret key, the tokens that Kling's legacy API takes in place of an API key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import structlog
from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from kling_daemon.clock import Clock

log = structlog.get_logger(__name__)

LIFETIME = 1800
"""Seconds for which a token is good; Kling's guides write `exp` = now + 1800."""
EARLY = 5
"""Seconds before its signing from which a token is good; Kling's guides write `nbf` = now - 5."""

_RENEW_AFTER = LIFETIME - 300  # a request may wait, be slow, and be sent again
_ALGORITHM = "HS256"


class TokenError(ValueError):
    """A text is no token that was signed with this secret key; the message shows neither."""


class _AnyLength(HMACAlgorithm):
    """HMAC with whatever key Kling gave: its length is not ours to choose, so there is nothing to warn about."""

    def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002 - the interface of PyJWT
        return None


_SIGNATURES = PyJWS(algorithms=[])
_SIGNATURES.register_algorithm(_ALGORITHM, _AnyLength(HMACAlgorithm.SHA256))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyPair:
    """An access key and its secret key from Kling's console, good for the legacy generation; neither shows itself."""

    access_key: str
    secret_key: str

    def __post_init__(self) -> None:
        """Refuse what cannot be signed with, with a ValueError that quotes neither key."""
        if not self.access_key or not self.access_key.isprintable() or " " in self.access_key:
            raise ValueError("the access key is empty, or holds a space or a line break")
        try:
            self.sign({})
        except (PyJWTError, UnicodeError):
            raise ValueError("the secret key is empty, or of a form that nothing can be signed with") from None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims."""
        if not self.secret_key:
            raise UnicodeError("empty")
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return _SIGNATURES.encode(payload, self.secret_key, algorithm=_ALGORITHM, headers={"typ": "JWT"})

    def token(self, seconds: float) -> str:
        """Return the token for a moment of Kling's clock, given in seconds since 1970."""
        return self.sign({"iss": self.access_key, "exp": int(seconds) + LIFETIME, "nbf": int(seconds) - EARLY})

    def claims_of(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that this secret key signed; their times are not judged. Raises TokenError."""
        try:
            claims = json.loads(_SIGNATURES.decode(token, self.secret_key, algorithms=[_ALGORITHM]))
        except (PyJWTError, ValueError, RecursionError):
            raise TokenError("no token of this secret key") from None
        if not isinstance(claims, dict):
            raise TokenError("the token holds no claims")
        return claims

    def __repr__(self) -> str:
        return "KeyPair(…)"


class SignedTokens:
    """The credential that a key pair makes: one token after another, each used until shortly before its end.

    Tokens are dated by Kling's clock, which is reckoned from the last `Date` that Kling sent by our monotonic clock: a
    wall clock that is off, or is set, costs at most one refused request. Until Kling has answered, ours has to do.
    """

    opens_new_generation = False

    def __init__(self, pair: KeyPair, clock: Clock) -> None:
        """Sign with these keys; nothing is signed before it is needed."""
        self._pair = pair
        self._clock = clock
        self._heard: tuple[float, float] | None = None
        self._token = ""
        self._signed_at = 0.0

    def authorization(self) -> str:
        """Return the `Authorization` header's value for a request that is sent now."""
        now = self._klings_time()
        if not self._token or not self._signed_at - EARLY <= now < self._signed_at + _RENEW_AFTER:
            self._token, self._signed_at = self._pair.token(now), now
        return f"Bearer {self._token}"

    def hear(self, date: str | None) -> None:
        """Set Kling's clock by the `Date` header of an answer of its; one that cannot be read changes nothing."""
        try:
            moment = parsedate_to_datetime(date or "")
        except (TypeError, ValueError, OverflowError):
            return
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        self._heard = (moment.timestamp(), self._clock.monotonic())

    def renew(self) -> bool:
        """Forget the token, which Kling refused for its time; True, since the next one will be dated anew."""
        ahead = self._klings_time() - self._clock.now().timestamp()
        log.info("kling refused a token for its time, and it is signed anew", kling_ahead_seconds=round(ahead))
        self._token = ""
        return True

    def _klings_time(self) -> float:
        if self._heard is None:
            return self._clock.now().timestamp()
        moment, at = self._heard
        return moment + self._clock.monotonic() - at

    def __repr__(self) -> str:
        return "SignedTokens(…)"
