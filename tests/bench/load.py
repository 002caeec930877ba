"""Sends prepared callbacks over kept-alive connections as fast as they are answered, or at a steady pace."""

import asyncio
import base64
import hashlib
import hmac
import json
import math
import time
from collections import deque
from dataclasses import dataclass

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PATH = "/webhooks/kling"
_PACED_CONNECTIONS = 32


class BrokenError(Exception):
    """A server did not start, answer, or keep what it had answered for; the message says which."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of load has measured."""

    answered: int
    seconds: float
    latencies: list[float]
    """Of each answered request, in seconds, in the order of the answers."""
    sent_at: dict[str, float]
    """When each task's callback was sent, by the monotonic clock; each of them was answered."""
    ended: float
    """When the last answer came, by the same clock."""

    @property
    def rate(self) -> float:
        """Requests answered with 200 in a second."""
        return self.answered / self.seconds

    def quantile(self, share: float) -> float:
        """Return the latency below which that share of the requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def prepare(count: int, *, first: int, port: int) -> deque[tuple[str, bytes]]:
    """Return signed callbacks of distinct succeeded jobs, each with its task id, as whole HTTP requests."""
    now = int(time.time())
    key = base64.b64decode(SECRET)
    requests: deque[tuple[str, bytes]] = deque()
    for number in range(first, first + count):
        task_id = str(930_000_000_000_000_000 + number)
        body = json.dumps({
            "id": task_id, "status": "succeeded", "message": "",
            "create_time": now * 1000 - 90_000, "update_time": now * 1000, "external_id": f"order-{number}",
            "outputs": [{
                "type": "video", "id": str(number), "duration": "5.041", "watermark_url": "",
                "url": f"https://v15-kling-fdl.klingai.com/bs2/upload/muse/{task_id}/VIDEO/{number:032x}.mp4?cacheKey=x"
                       f"&x-kcdn-pid=112781&ksSecret={number:032x}&ksTime={now + 2_592_000:x}",
            }],
            "billing": [{"charge_type": "unit", "amount": "2.4", "package_type": "video"}],
        }).encode()  # fmt: skip
        webhook_id = f"wh_{number}"
        digest = hmac.digest(key, b"%b.%d.%b" % (webhook_id.encode(), now, body), hashlib.sha256)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"webhook-id: {webhook_id}\r\nwebhook-timestamp: {now}\r\n"
            f"webhook-signature: v1,{base64.b64encode(digest).decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append((task_id, head.encode() + body))
    return requests


class _Client(asyncio.Protocol):
    """One kept-alive connection that has at most one request under way."""

    transport: asyncio.Transport

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, task_id: str, request: bytes) -> None:
        self._sent_at = self._run.sent_at[task_id] = time.monotonic()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._run.fail(f"not answered with 200: {head[:60]!r}")
            return
        self._answer = b""
        self._run.latencies.append(time.monotonic() - self._sent_at)
        self._run.answered(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._run.fail("a connection was closed")


class _Run:
    """The state of one round, shared by its connections."""

    def __init__(self, requests: deque[tuple[str, bytes]]) -> None:
        self.latencies: list[float] = []
        self.sent_at: dict[str, float] = {}
        self.idle: list[_Client] = []
        self.some_idle = asyncio.Event()
        self.until = math.inf
        """Until when every answer is followed by the next request at once."""
        self._requests = requests
        self._connections = 0
        self._all_idle = asyncio.Event()
        self._failure = ""

    async def connect(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, client = await loop.create_connection(lambda: _Client(self), "127.0.0.1", port)
            self.idle.append(client)
        self._connections = connections
        self.some_idle.set()

    def send(self) -> None:
        """Send the next request on an idle connection; there must be one."""
        self._all_idle.clear()
        self.idle.pop().send(*self._requests.popleft())
        if not self.idle:
            self.some_idle.clear()

    def answered(self, client: _Client) -> None:
        self.idle.append(client)
        self.some_idle.set()
        if self._requests and time.monotonic() < self.until:
            self.send()
        elif len(self.idle) == self._connections:
            self._all_idle.set()

    def fail(self, why: str) -> None:
        self._failure = self._failure or why
        self._all_idle.set()
        self.some_idle.set()

    async def end(self, began: float) -> Round:
        """Wait for the answers that are still to come."""
        await self._all_idle.wait()
        ended = time.monotonic()
        if self._failure:
            raise BrokenError(self._failure)
        for client in self.idle:
            client.transport.abort()
        return Round(len(self.latencies), ended - began, self.latencies, self.sent_at, ended)


async def saturate(port: int, requests: deque[tuple[str, bytes]], *, connections: int, seconds: float) -> Round:
    """Keep every connection busy for so many seconds, or until all requests are sent."""
    run = _Run(requests)
    await run.connect(port, connections)
    began = time.monotonic()
    run.until = began + seconds
    for _ in range(min(connections, len(requests))):
        run.send()
    return await run.end(began)


async def paced(port: int, requests: deque[tuple[str, bytes]], *, per_second: float) -> Round:
    """Send all requests at a steady pace, each on a connection that is idle; late where none is."""
    run = _Run(requests)
    run.until = -math.inf
    await run.connect(port, _PACED_CONNECTIONS)
    began = time.monotonic()
    for number in range(len(requests)):
        await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
        await run.some_idle.wait()
        if not run.idle:
            break  # a connection broke
        run.send()
    return await run.end(began)
