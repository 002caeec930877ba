"""What anybody on the internet may send to the receiver: bodies that are no callbacks, and bytes that are no HTTP."""

import json

from recorded.kling_bodies import raw

LIMIT = 1024 * 1024
HEAD = b"POST /webhooks/kling HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = raw("new_callback_succeeded_video")
DEEP = b'{"id": "t", "status": "succeeded", "outputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
WRONG = [None, True, -1, 1.5, 10**40, "", "x" * 5000, "\ud800", [], [[]], {}, {"a": {"b": []}}]
"""Values of every kind, for fields that want another."""
GARBAGE = {
    "empty": b"",
    "a space": b" ",
    "binary": bytes(range(256)),
    "invalid UTF-8": b'{"id": "\xff\xfe", "status": "succeeded"}',
    "UTF-16": '{"id": "t", "status": "succeeded"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"id": "t", "status": "succeeded"}',
    "cut off": BODY[:-10],
    "a list": b"[]",
    "a string": b'"succeeded"',
    "null": b"null",
    "NaN": b'{"id": "t", "status": "succeeded", "create_time": NaN}',
    "infinity": b'{"id": "t", "status": "succeeded", "create_time": -Infinity}',
    "deep nesting": DEEP,
    "deep nesting of objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a number of many digits": b'{"id": "t", "status": "succeeded", "create_time": ' + b"9" * 10_000 + b"}",
    "no id": b'{"status": "succeeded"}',
    "no status": b'{"id": "t"}',
    "an id of a wrong type": b'{"id": {}, "status": "succeeded"}',
    "an id that is an injection": b'{"id": "t\\n\\u0000; DROP TABLE jobs", "status": "succeeded"}',
    "a lone surrogate": b'{"id": "\\ud800", "status": "succeeded"}',
    "an endless id": json.dumps({"id": "t" * 100_000, "status": "succeeded"}).encode(),
    "endless envelopes": b'{"data":' * 100 + b"{}" + b"}" * 100,
}
MALFORMED = {
    "no HTTP": b"what is this\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100f8010000f40303") + bytes(64),
    "no path": b"POST HTTP/1.1\r\n\r\n",
    "a wrong version": b"POST / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a header without a colon": b"POST / HTTP/1.1\r\nHost x\r\n\r\n",
    "a null byte in a header": b"POST / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -3\r\n\r\n{}",
    "a length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of no size": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a header line without an end": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
    "a path without an end": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


def tells_nothing(answer: bytes) -> None:
    """No version, no library, no word of what was sent."""
    for word in (b"aiohttp", b"Python", b"what is this", b"aaaa", b"zz", b"Traceback"):
        assert word not in answer
