"""Sends the callbacks of a recording again: in their order, at their distance from the create, to where it now says."""

import asyncio
import base64
import heapq
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from kling_daemon.clock import EPOCH, Clock
from kling_daemon.simulator.traffic.exchanges import Exchange, Side, Signature, is_text
from kling_daemon.simulator.traffic.masks import RECEIVER
from kling_daemon.simulator.traffic.recorded_jobs import RecordedJob, RecordedJobs
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Signer, sign

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_STALE_BY = timedelta(minutes=10)
_NO_SIGNATURE = "v1," + base64.b64encode(bytes(32)).decode()


@dataclass(frozen=True, slots=True)
class _Planned:
    exchange: Exchange
    job: RecordedJob | None
    """None: its create is not in the recording."""


class ReplayedCallbacks:
    """The callbacks that are still to be sent. One of a job whose create has not come waits, and holds no other up."""

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        jobs: RecordedJobs,
        clock: Clock,
        *,
        speed: float,
        callback_to: str | None,
        secrets: Sequence[Signer],
    ) -> None:
        """Plan them all."""
        self._waiting: defaultdict[RecordedJob | None, list[_Planned]] = defaultdict(list)
        for exchange in exchanges:
            if exchange.side == Side.CALLBACK:
                job = jobs.of_callback(exchange)
                self._waiting[job].append(_Planned(exchange, job))
        self._recorded = sum(map(len, self._waiting.values()))
        self._heap: list[tuple[float, int, _Planned]] = []
        """What has a moment, the next one first."""
        self._order = itertools.count()
        self._homeless: list[_Planned] = []
        """What was due before it was known where to."""
        self._jobs = jobs
        self._clock = clock
        self._speed = speed
        self._base = None if callback_to is None else callback_to.rstrip("/")
        self._secrets = tuple(secrets)
        self._answers: Counter[str] = Counter()
        self._bell = asyncio.Event()
        if not len(jobs):
            self._release(None, clock.monotonic(), 0.0)

    @property
    def are_sent(self) -> bool:
        """True when every one was sent, and answered or given up."""
        return sum(self._answers.values()) == self._recorded

    def as_json(self) -> dict[str, Any]:
        """Return how many there are, how many were sent, and how these were answered."""
        return {"recorded": self._recorded, "sent": sum(self._answers.values()), "answers": dict(self._answers)}

    def begin(self, job: RecordedJob) -> None:
        """Let a job's callbacks come: one of its creates is answered now."""
        now = self._clock.monotonic()
        self._release(None, now, 0.0)
        self._release(job, now, job.answered_at)
        if self._base is None and job.live_callback_url is not None:
            self._base = _base_of(job.live_callback_url)
            for planned in self._homeless:
                heapq.heappush(self._heap, (now, next(self._order), planned))
            self._homeless.clear()
        self._bell.set()

    def _release(self, job: RecordedJob | None, live: float, recorded: float) -> None:
        """Give a job's callbacks their moments, at the same distance from this one as from that of the recording."""
        for planned in self._waiting.pop(job, ()):
            due = live + max(0.0, planned.exchange.at - recorded) / self._speed
            heapq.heappush(self._heap, (due, next(self._order), planned))

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Send each when it is due, one after the other, until cancelled."""
        while True:
            self._bell.clear()
            pause = await self.step(session)
            if pause == 0:
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def step(self, session: aiohttp.ClientSession) -> float | None:
        """Send the first that is due and return 0; else the seconds until one is, None when none is in sight."""
        while self._heap:
            due, _, planned = self._heap[0]
            if (pause := due - self._clock.monotonic()) > 0:
                return pause
            heapq.heappop(self._heap)
            if (url := self._url(planned)) is not None:
                self._answers[await self._send(planned, url, session)] += 1
                return 0.0
            self._homeless.append(planned)
        return None

    def _url(self, planned: _Planned) -> str | None:
        """Return where it is to be sent; None while nobody has said so."""
        job = planned.job
        if job is not None and job.live_callback_url is not None and job.callback_url == planned.exchange.target:
            return job.live_callback_url
        return None if self._base is None else self._base + planned.exchange.target.removeprefix(RECEIVER)

    async def _send(self, planned: _Planned, url: str, session: aiohttp.ClientSession) -> str:
        told = self._jobs.in_the_present(planned.exchange.body)
        body = told["text"].encode(errors="replace") if is_text(told) else json.dumps(told).encode()
        headers = {"Content-Type": "application/json", **self._signed(planned.exchange, body)}
        try:
            async with session.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as answer:
                await answer.read()
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return "unreachable"

    def _signed(self, exchange: Exchange, body: bytes) -> dict[str, str]:
        """Return headers that are worth as much as those of the recording were."""
        if exchange.signature in {None, Signature.NONE}:
            return {}
        age = _STALE_BY if exchange.signature == Signature.STALE else timedelta(0)
        seconds = int((self._clock.now() - age - EPOCH).total_seconds())
        webhook_id = exchange.webhook_id or "replay"
        signatures = [sign(secret, webhook_id, seconds, body) for secret in self._secrets]
        if exchange.signature == Signature.INVALID or not signatures:
            signatures = [_NO_SIGNATURE]
        return {
            HEADER_ID: webhook_id,
            HEADER_TIMESTAMP: str(seconds),
            HEADER_SIGNATURE: " ".join(signatures),
        }


def _base_of(url: str) -> str | None:
    """Return the beginning of a callback URL, up to its path; None when it is no URL, since clients send anything."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
