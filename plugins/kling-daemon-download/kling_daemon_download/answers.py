"""What a server's answer means for a download: go on, try again, come back later, or give up."""

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from kling_daemon.plugin import HttpResponse, OutputFile, Reject, Retry
from kling_daemon_download.errors import DownloadError

_GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_LONGEST_PAUSE = timedelta(hours=1)
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_PLAIN = re.compile(r"[ -~]+")


def admit(answer: HttpResponse, file: OutputFile, *, host: str, now: datetime) -> None:
    """Return when the answer bears the whole file; else raise what follows from it."""
    status = answer.status
    if status in _GONE and file.expires_at is not None and file.expires_at <= now:
        raise Reject(f"{host}: the URL expired at {file.expires_at:%Y-%m-%d %H:%M} UTC (HTTP {status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = _retry_after(answer.headers.get("Retry-After"), now)
        if pause is not None:
            raise Retry(f"{host}: HTTP {status}, asks to be left alone for {pause}", after=pause)
    if status != HTTPStatus.OK:
        raise DownloadError(f"{host}: HTTP {status}")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadError(f"{host}: answered with a compressed body, which was not asked for")
    if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise DownloadError(f"{host}: answered with a web page instead of the file")


def continues(answer: HttpResponse, *, offset: int, size: int | None) -> bool:
    """True when the answer bears the rest of a file of this size, from this offset on."""
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        return False
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset:
        return False
    return size is None or match[2] in ("*", str(size))


def length(headers: Mapping[str, str]) -> int | None:
    """Return the announced length of a whole body; None when there is none."""
    text = headers.get("Content-Length", "")
    return int(text) if _LENGTH.fullmatch(text) else None


def validator(headers: Mapping[str, str]) -> str | None:
    """Return what `If-Range` may bear: a strong ETag, else the date of the last change."""
    etag = headers.get("ETag", "")
    text = etag if etag.startswith('"') else headers.get("Last-Modified", "")
    return text if _PLAIN.fullmatch(text) else None


def _retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Read `Retry-After` in either form (RFC 9110, 10.2.3), from a second to an hour; None when it says nothing."""
    if text is None:
        return None
    try:
        pause = timedelta(seconds=int(text)) if text.isdigit() else _date(text) - now
    except (ValueError, OverflowError):
        return None
    return min(max(pause, timedelta(seconds=1)), _LONGEST_PAUSE)


def _date(text: str) -> datetime:
    moment = email.utils.parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
