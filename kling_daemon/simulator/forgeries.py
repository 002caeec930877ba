"""Callbacks that an attacker posts: a success of his own for a job that is not his."""

import hashlib
import json
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from kling_daemon.clock import EPOCH, to_millis
from kling_daemon.jobs import Generation
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, Signer, sign

ATTACKER_URL = "https://attacker.example/stolen.mp4"
_REPLAYED_AFTER = timedelta(minutes=10)


class Forgery(StrEnum):
    """What the attacker tries."""

    UNSIGNED = "unsigned"
    """No signature, sent to the true callback URL, as if that had leaked."""
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a trick
    """All three headers in order, but signed with the attacker's own secret."""
    STALE = "stale"
    """Signed ten minutes ago: with the true secret where there is one, with the attacker's otherwise."""
    GARBAGE = "garbage"
    """Signature headers that hold no signature."""
    OTHER_HEADER = "other_header"
    """`X-Kling-Signature`, which some guides describe and Kling never sends."""
    GUESSED_URL = "guessed_url"
    """No signature, sent to an address that differs from the true one in its last letter."""


_ATTACKERS_SECRET = Secret(name="attacker", key=hashlib.sha256(b"attacker").digest())


def forged_body(job: SimulatedJob, now: datetime) -> bytes:
    """Return a success with the attacker's address, in the dialect of the job's generation."""
    created, updated = to_millis(job.created_at), to_millis(now)
    if job.order.endpoint.generation is Generation.NEW:
        body = {
            "id": job.id,
            "status": "succeeded",
            "message": "",
            "create_time": created,
            "update_time": updated,
            "outputs": [{"type": "video", "id": job.id, "url": ATTACKER_URL, "duration": "5.0"}],
        }
    else:
        body = {
            "task_id": job.id,
            "task_status": "succeed",
            "task_status_msg": "",
            "created_at": created,
            "updated_at": updated,
            "task_info": {},
            "task_result": {"videos": [{"id": job.id, "url": ATTACKER_URL, "duration": "5.0"}]},
        }
    return json.dumps(body).encode()


def forged_headers(forgery: Forgery, body: bytes, now: datetime, secrets: tuple[Signer, ...]) -> dict[str, str]:
    """Return the headers, apart from the media type, that the attacker sends."""
    seconds = int((now - EPOCH).total_seconds())
    match forgery:
        case Forgery.UNSIGNED | Forgery.GUESSED_URL:
            return {}
        case Forgery.OTHER_HEADER:
            return {"X-Kling-Signature": hashlib.sha256(body).hexdigest()}
        case Forgery.GARBAGE:
            return {HEADER_ID: "1", HEADER_TIMESTAMP: str(seconds), HEADER_SIGNATURE: "v1,garbage v2,AAAA"}
        case Forgery.WRONG_SECRET:
            return _signed(_ATTACKERS_SECRET, seconds, body)
        case Forgery.STALE:
            secret = secrets[0] if secrets else _ATTACKERS_SECRET
            return _signed(secret, seconds - int(_REPLAYED_AFTER.total_seconds()), body)


def forged_url(forgery: Forgery, url: str) -> str:
    """Return where the attacker sends it: the true address, or a guess that misses it."""
    if forgery is not Forgery.GUESSED_URL:
        return url
    parts = urlsplit(url)
    last = "b" if parts.path.endswith("a") else "a"
    return urlunsplit(parts._replace(path=(parts.path or "/x")[:-1] + last))


def _signed(secret: Signer, seconds: int, body: bytes) -> dict[str, str]:
    webhook_id = hashlib.sha256(body).hexdigest()[:16]
    return {
        HEADER_ID: webhook_id,
        HEADER_TIMESTAMP: str(seconds),
        HEADER_SIGNATURE: sign(secret, webhook_id, seconds, body),
    }
