"""Tokens that clients sign for themselves, as Kling's do with an access key and a secret key (JWT, HS256).

Whoever holds the first token of the API can use it as a secret key, with `kling-daemon` as the access key. The other
tokens cannot be used so: of them the daemon has digests only, and what has been signed is checked with what it was
signed with (docs/decisions/0023-signed-tokens.md).
"""

import math
from datetime import datetime, timedelta
from typing import Any

from kling_daemon.kling.tokens import KeyPair, TokenError

ACCESS_KEY = "kling-daemon"
"""What `iss` must name."""
LEEWAY = timedelta(seconds=30)
"""How far the clock of a client may be off."""
LONGEST = 1024
"""How many characters such a token may have; those of Kling's clients have about 150."""
_DOTS = 2


class SignedTokens:
    """Tells which texts are tokens that one secret has signed."""

    def __init__(self, secret: str) -> None:
        """Take the secret; where it looks like a key of another kind, PyJWT signs nothing, and nothing is accepted."""
        try:
            self._pair: KeyPair | None = KeyPair(access_key=ACCESS_KEY, secret_key=secret)
        except ValueError:
            self._pair = None

    def accept(self, text: str, now: datetime) -> bool:
        """True for a token of ours that is good now; raises nothing, whatever the text.

        Signed with HS256 and nothing else, whatever its own header says; with an `exp` that is to come, and an `nbf`
        that is not, if there is one.
        """
        if self._pair is None or len(text) > LONGEST or text.count(".") != _DOTS:
            return False
        try:
            claims = self._pair.claims_of(text)
        except TokenError:
            return False
        end, start = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
        if claims.get("iss") != ACCESS_KEY or end is None or start is None:
            return False
        return (now - LEEWAY).timestamp() < end and start <= (now + LEEWAY).timestamp()


def _seconds(value: Any) -> int | float | None:
    """Return seconds since 1970 as they are; None for what is no number, or no finite one."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
