"""The addresses of result files: signed, and worthless after the moment that they name, as those of Kling's CDNs."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from kling_daemon.clock import EPOCH

PREFIX = "/files/"
_BY_KLINGS_CDN = frozenset({"mp4", "png"})
_MAX_DIGITS = 10


class Standing(StrEnum):
    """What an address is worth."""

    GOOD = "good"
    FORGED = "bad address"
    """It was never handed out like this."""
    EXPIRED = "expired"


def signed_url(host: str, name: str, until: datetime) -> str:
    """Return the address of the file of a name, which is also the permission to fetch it until a moment.

    Kling's own CDN serves videos and pictures and tells the moment by `ksTime` (hexadecimal unix seconds); sounds and
    texts come from another one, which has `Expires` (decimal).
    """
    seconds = int((until - EPOCH).total_seconds())
    if name.rpartition(".")[2] in _BY_KLINGS_CDN:
        time = f"{seconds:x}"
        return f"{host}{PREFIX}{name}?ksSecret={_signature(name, time)}&ksTime={time}"
    time = str(seconds)
    return f"{host}{PREFIX}{name}?Expires={time}&Signature={_signature(name, time)}"


def standing_of(name: str, query: Mapping[str, str], now: datetime) -> Standing:
    """Judge the address of the file of a name by its query."""
    if "ksTime" in query:
        time, signature, base = query["ksTime"], query.get("ksSecret", ""), 16
    else:
        time, signature, base = query.get("Expires", ""), query.get("Signature", ""), 10
    if not hmac.compare_digest(signature.encode(), _signature(name, time).encode()):
        return Standing.FORGED
    if not 0 < len(time) <= _MAX_DIGITS or not time.isascii() or not time.isalnum():
        return Standing.FORGED
    try:
        ahead = now < EPOCH + timedelta(seconds=int(time, base))
    except (ValueError, OverflowError):
        return Standing.FORGED
    return Standing.GOOD if ahead else Standing.EXPIRED


def _signature(name: str, time: str) -> str:
    """Return what makes an address with another name or another time worthless. It protects nothing of value."""
    return hashlib.sha256(f"{name}?{time}".encode()).hexdigest()[:32]
