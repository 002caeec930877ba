"""Sends the callbacks of a recording again: in their order, at their distance from the create, to where it now says."""

import asyncio
import base64
import json
from collections import Counter
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
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Secret, sign

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
        secrets: Sequence[Secret],
    ) -> None:
        """Plan them all."""
        calls = [exchange for exchange in exchanges if exchange.side == Side.CALLBACK]
        self._waiting = [_Planned(exchange, jobs.of_callback(exchange)) for exchange in calls]
        self._jobs = jobs
        self._clock = clock
        self._speed = speed
        self._base = None if callback_to is None else callback_to.rstrip("/")
        self._secrets = tuple(secrets)
        self._began = clock.monotonic() if not len(jobs) else None
        self._answers: Counter[str] = Counter()
        self._recorded = len(calls)
        self._bell = asyncio.Event()

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
        if self._began is None:
            self._began = now
        if job.live_at is None:
            job.live_at = now
        if self._base is None and job.live_callback_url is not None:
            self._base = _base_of(job.live_callback_url)
        self._bell.set()

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
        now = self._clock.monotonic()
        dues = [(due, planned) for planned in self._waiting if (due := self._due(planned)) is not None]
        for due, planned in dues:
            if due <= now:
                self._waiting.remove(planned)
                self._answers[await self._send(planned, session)] += 1
                return 0.0
        return min((due for due, _ in dues), default=now) - now if dues else None

    def _due(self, planned: _Planned) -> float | None:
        """Return the moment at which it is to be sent; None while that is not known, or not where to."""
        if self._url(planned) is None:
            return None
        job = planned.job
        live, recorded = (self._began, 0.0) if job is None else (job.live_at, job.answered_at)
        return None if live is None else live + max(0.0, planned.exchange.at - recorded) / self._speed

    def _url(self, planned: _Planned) -> str | None:
        job = planned.job
        if job is not None and job.live_callback_url is not None and job.callback_url == planned.exchange.target:
            return job.live_callback_url
        return None if self._base is None else self._base + planned.exchange.target.removeprefix(RECEIVER)

    async def _send(self, planned: _Planned, session: aiohttp.ClientSession) -> str:
        told = self._jobs.in_the_present(planned.exchange.body)
        body = told["text"].encode(errors="replace") if is_text(told) else json.dumps(told).encode()
        headers = {"Content-Type": "application/json", **self._signed(planned.exchange, body)}
        url = self._url(planned) or ""
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
