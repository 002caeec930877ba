"""What senders are told: one body per status, so that nobody learns why, or sees what he sent."""

from http import HTTPStatus

from aiohttp.helpers import rfc822_formatted_time

from kling_daemon.tracking import Answer

JSON = "application/json"
SERVER = "kling-daemon"
BODIES = {
    200: b'{"received": true}',
    202: b'{"received": true}',
    400: b'{"error": "unreadable body"}',
    401: b'{"error": "unauthorized"}',
    404: b'{"error": "not found"}',
    405: b'{"error": "method not allowed"}',
    413: b'{"error": "body too large"}',
    415: b'{"error": "unsupported media type"}',
    429: b'{"error": "try again later"}',
    503: b'{"error": "try again later"}',
}


def to_bytes(answer: Answer) -> bytes:
    """Return an answer as it goes over the wire; the connection stays open."""
    head = _HEADS[answer.status]
    if answer.retry_after is not None:
        head += b"Retry-After: %d\r\n" % answer.retry_after
    return b"%bDate: %b\r\n\r\n%b" % (head, rfc822_formatted_time().encode("ascii"), BODIES[answer.status])


_HEADS = {
    status: (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: {SERVER}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
    ).encode("ascii")
    for status, body in BODIES.items()
}
