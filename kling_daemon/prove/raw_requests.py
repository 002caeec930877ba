"""Callbacks as they go over the wire, byte by byte, and what accidents can make of their bytes."""

import json
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from kling_daemon.clock import EPOCH
from kling_daemon.prove.kling import SECRET
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, sign

_SECRET = Secret.parse("proof", SECRET)
_HOSTILE = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xfe",
    b" ",
    b"\t",
    b":",
    b"%00",
    b"../",
    b"{",
    b"]",
    b'"',
    b"\\u0000",
    b"9" * 40,
    b"-1",
    b"1e999",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Content-Length: 7\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"X: " + b"y" * 9000,
    b"webhook-id: x\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"[" * 2000,
)


def callback(dice: random.Random, path: str, *, signed: bool, legacy: bool) -> bytes:
    """Return a callback about a task that nobody has heard of."""
    task_id = str(uuid.UUID(int=dice.getrandbits(128)))
    said = (
        {"task_id": task_id, "task_status": "processing", "task_info": {}, "created_at": 1_700_000_000_000}
        if legacy
        else {"id": task_id, "status": "processing", "create_time": 1_700_000_000, "message": "größer ▶"}
    )
    body = json.dumps(said).encode()
    lines = ["Host: kling.example", "User-Agent: Go-http-client/1.1", "Content-Type: application/json"]
    if signed:
        seconds = int((datetime.now(UTC) - EPOCH).total_seconds())
        signature = sign(_SECRET, task_id, seconds, body)
        lines += [f"{HEADER_ID}: {task_id}", f"{HEADER_TIMESTAMP}: {seconds}", f"{HEADER_SIGNATURE}: {signature}"]
    lines += [f"Content-Length: {len(body)}", "Accept-Encoding: gzip"]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *lines])
    return head.encode() + b"\r\n\r\n" + body


def mutated(dice: random.Random, request: bytes) -> bytes:
    """Return what a few accidents of different kinds make of a request."""
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        request = dice.choice(_ACCIDENTS)(dice, request)
    return request


def pieces(dice: random.Random, request: bytes) -> list[bytes]:
    """Return the bytes in packets, cut anywhere."""
    cuts = sorted(dice.randrange(len(request) + 1) for _ in range(dice.choice((0, 0, 1, 2, 5))))
    return [request[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(request)], strict=True)]


def _span(dice: random.Random, request: bytes) -> tuple[int, int]:
    begin = dice.randrange(len(request) + 1)
    return begin, min(len(request), begin + dice.choice((1, 1, 2, 8, 60)))


def _altered(dice: random.Random, request: bytes) -> bytes:
    begin, end = _span(dice, request)
    return request[:begin] + dice.randbytes(end - begin) + request[end:]


def _bit_flipped(dice: random.Random, request: bytes) -> bytes:
    if not request:
        return request
    place = dice.randrange(len(request))
    return request[:place] + bytes([request[place] ^ 1 << dice.randrange(8)]) + request[place + 1 :]


def _cut_out(dice: random.Random, request: bytes) -> bytes:
    begin, end = _span(dice, request)
    return request[:begin] + request[end:]


def _cut_off(dice: random.Random, request: bytes) -> bytes:
    return request[: dice.randrange(len(request) + 1)]


def _doubled(dice: random.Random, request: bytes) -> bytes:
    begin, end = _span(dice, request)
    return request[:end] + request[begin:end] * dice.choice((1, 2, 50)) + request[end:]


def _inserted(dice: random.Random, request: bytes) -> bytes:
    place = dice.randrange(len(request) + 1)
    return request[:place] + dice.choice(_HOSTILE) + request[place:]


def _line_inserted(dice: random.Random, request: bytes) -> bytes:
    lines = request.split(b"\r\n")
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(_HOSTILE).removesuffix(b"\r\n"))
    return b"\r\n".join(lines)


def _line_doubled(dice: random.Random, request: bytes) -> bytes:
    lines = request.split(b"\r\n")
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(lines))
    return b"\r\n".join(lines)


def _spliced(dice: random.Random, request: bytes) -> bytes:
    return request[: dice.randrange(len(request) + 1)] + request[dice.randrange(len(request) + 1) :]


_ACCIDENTS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _altered, _bit_flipped, _cut_out, _cut_off, _doubled, _inserted, _line_inserted, _line_doubled, _spliced,
)  # fmt: skip
