"""Capabilities: the part of a callback URL that names one job and proves that we handed the URL out."""

import base64
import hmac
import os
from hashlib import sha256
from pathlib import Path

from kling_daemon.ids import is_job_id
from kling_daemon.private_files import make_private_file
from kling_daemon.store import StoreError

_KEY_BYTES = 32
_MAC_BYTES = 16


class Capabilities:
    """Makes and checks `<job id>.<mac>` under a key of this daemon's own; it never shows the key."""

    def __init__(self, key: bytes) -> None:
        """Take the secret key."""
        self._key = key

    def __repr__(self) -> str:
        return "Capabilities()"

    def issue(self, job_id: str) -> str:
        """Return the capability of a job: always the same one, safe in a URL path."""
        return f"{job_id}.{self._mac(job_id)}"

    def check(self, capability: str) -> str | None:
        """Return the id of the job that a capability names; None when it is not one of ours."""
        job_id, _, mac = capability.partition(".")
        if not is_job_id(job_id):
            return None
        genuine = hmac.compare_digest(self._mac(job_id).encode(), mac.encode("utf-8", "surrogatepass"))
        return job_id if genuine else None

    def _mac(self, job_id: str) -> str:
        digest = hmac.digest(self._key, b"capability:" + job_id.encode(), sha256)
        return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode().rstrip("=")


def load_capability_key(directory: Path) -> bytes:
    """Return the key kept in a state directory, making it (mode 600, synced) when there is none.

    A crash leaves either no key or a whole one. Without the old key, callbacks of jobs under way are refused and
    polls find their results instead. Raises StoreError when it cannot be read or made, or is damaged.
    """
    path = directory / "capability-key"
    try:
        if not path.exists():
            make_private_file(path, os.urandom(_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read or made: {error.strerror}") from error
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} is damaged: it must hold {_KEY_BYTES} bytes; delete it to have a new one made")
    return key
