"""The ids that the daemon makes: fresh ones, which rise with time, and derived ones, which come out the same again.

A restored backup does not know what happened after it; an adopted job or an event that it makes once more gets the id
that it had, so that whoever saw it the first time knows it.
"""

import hashlib
import os
import re
import uuid
from datetime import datetime

from kling_daemon.clock import to_millis

_NAMESPACE = hashlib.sha1(uuid.UUID("6f1c2f0e-5d1b-5a53-9d0b-0c7a3a9f1e11").bytes, usedforsecurity=False)
"""The UUIDv5 namespace of everything that is derived, hashed once; changed, it would give every adopted job and event
another id."""

_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id(now: datetime) -> str:
    """Return a fresh id for what we create, jobs and notices: a UUIDv7 (RFC 9562), so that ids rise with time.

    Rising ids keep index pages warm; the standard library has `uuid7` from Python 3.14 on only.
    """
    millis = to_millis(now).to_bytes(6, "big")
    number = int.from_bytes(millis + os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def derived_id(name: str) -> str:
    """Return the UUIDv5 (RFC 9562) of a name in our namespace: the same again, whenever and wherever it is asked for.

    Written out, since the general `uuid.uuid5` takes seven times as long and each adopted job needs three.
    """
    digest = _NAMESPACE.copy()
    digest.update(name.encode())
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANTS[text[16]]}{text[17:20]}-{text[20:32]}"


def adopted_job_id(account: str, task_id: str) -> str:
    """Return the id of a job that another program created: the same one each time Kling tells of it."""
    return derived_id(f"job:{account}:{task_id}")


def keyed_job_id(key: str) -> str:
    """Return the id of the job that is made under an idempotency key: the same again, also from a restored backup."""
    return derived_id(f"order:{key}")


def is_job_id(text: str) -> bool:
    """True when the text has the form of a job's id."""
    return _ID.fullmatch(text) is not None
