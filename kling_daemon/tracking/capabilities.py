"""Capabilities: the part of a callback URL that names one job and proves that we handed the URL out."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256

from kling_daemon.ids import is_job_id

_MAC_BYTES = 16


class Capabilities:
    """Makes and checks `<job id>.<mac>` under a key of this daemon's own; it never shows the key."""

    def __init__(self, key: bytes, old: Sequence[bytes] = ()) -> None:
        """Take the secret key, and the keys before it, under which capabilities are good too until they are dropped."""
        self._key = key
        self._keys = [key, *old]

    def __repr__(self) -> str:
        return "Capabilities()"

    def issue(self, job_id: str) -> str:
        """Return the capability of a job: always the same one, safe in a URL path."""
        return f"{job_id}.{_mac(self._key, job_id)}"

    def check(self, capability: str) -> str | None:
        """Return the id of the job that a capability names; None when it is not one of ours."""
        job_id, _, mac = capability.partition(".")
        if not is_job_id(job_id):
            return None
        given = mac.encode("utf-8", "surrogatepass")
        genuine = any(hmac.compare_digest(_mac(key, job_id).encode(), given) for key in self._keys)
        return job_id if genuine else None

    def drop(self, old: bytes) -> None:
        """Take capabilities under an old key no more."""
        self._keys = [self._key, *(key for key in self._keys[1:] if key != old)]


def _mac(key: bytes, job_id: str) -> str:
    digest = hmac.digest(key, b"capability:" + job_id.encode(), sha256)
    return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode().rstrip("=")
