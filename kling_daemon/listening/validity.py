"""Reads from its DER how long a certificate is valid, which Python's `ssl` tells of the other end's ones only."""

from datetime import UTC, datetime

_VERSION = 0xA0
_UTC_TIME = 0x17
_LONG = 0x80
_PIVOT = 50
"""A year of two digits from here on belongs to the last century (RFC 5280, 4.1.2.5.1)."""


def validity(der: bytes) -> tuple[datetime, datetime]:
    """Return from when until when the certificate is valid. Raises ValueError for what is no certificate."""
    try:
        _, at, _ = _read(der, 0)
        _, at, _ = _read(der, at)  # what is signed: version, number, algorithm, issuer, validity and more
        tag, start, end = _read(der, at)
        if tag == _VERSION:
            _, start, end = _read(der, end)
        for _ in ("algorithm", "issuer", "validity"):
            tag, start, end = _read(der, end)
        begin = _read(der, start)
        return _time(der, begin), _time(der, _read(der, begin[2]))
    except IndexError:
        raise ValueError("is no certificate") from None


def _read(der: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag of the value that stands there, and where its content starts and ends."""
    length, start = der[at + 1], at + 2
    if length & _LONG:
        count = length & ~_LONG
        length, start = int.from_bytes(der[start : start + count]), start + count
    return der[at], start, start + length


def _time(der: bytes, value: tuple[int, int, int]) -> datetime:
    tag, start, end = value
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:
        text = f"{'19' if int(text[:2]) >= _PIVOT else '20'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
