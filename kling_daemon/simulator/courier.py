"""Carries callbacks to their URLs: signs them when they leave, and tells by counters how they were answered."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import aiohttp

from kling_daemon.backoff import Backoff
from kling_daemon.clock import EPOCH, Clock
from kling_daemon.durations import LONGEST
from kling_daemon.jobs import Generation
from kling_daemon.simulator.callbacks import Callback
from kling_daemon.simulator.forgeries import forged_body, forged_headers, forged_url
from kling_daemon.simulator.pending import Pending
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.statistics import Posted, Statistics
from kling_daemon.simulator.timeline import Timeline
from kling_daemon.standard_webhooks import HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, Signer, sign

ROUNDS = 32
"""How many callbacks travel at once. A job always uses the same round, which keeps its callbacks in order."""

_HTTP_OK = range(200, 300)


class CallbackRecorder(Protocol):
    """What notes every callback that was sent."""

    def called_back(
        self,
        began: float,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        secrets: Sequence[Signer],
        status: int | None,
        answer: bytes = b"",
    ) -> None:
        """Note one, and the answer to it; a status of None for none."""
        ...


class Courier:
    """The rounds on which callbacks travel; a slow receiver delays only the jobs that share its round."""

    def __init__(
        self,
        settings: SimulatorSettings,
        *,
        clock: Clock,
        timeline: Timeline,
        pending: Pending,
        statistics: Statistics,
    ) -> None:
        """Carry under these settings until they are replaced; a callback is pending until it was answered."""
        self.settings = settings
        self.recorder: CallbackRecorder | None = None
        self._pending = pending
        self._clock = clock
        self._timeline = timeline
        self._statistics = statistics
        self._rounds: tuple[asyncio.Queue[Callback], ...] = tuple(asyncio.Queue() for _ in range(ROUNDS))

    def send(self, callback: Callback) -> None:
        """Take a callback that is to be sent now, after those of its job that were taken before."""
        self._pending.begin()
        self._rounds[callback.job.number % ROUNDS].put_nowait(callback)

    async def run(self, number: int, session: aiohttp.ClientSession) -> None:
        """Carry what one round holds, until cancelled."""
        while True:
            await self.step(number, session)

    async def step(self, number: int, session: aiohttp.ClientSession) -> None:
        """Wait for the round's next callback and carry it; an unreachable receiver is counted, never raised."""
        callback = await self._rounds[number].get()
        try:
            self._note(callback, await self._post(callback, session))
        finally:
            self._pending.end()

    def _note(self, callback: Callback, answer: str) -> None:
        """Count how a callback was answered; plan another attempt where the settings want one."""
        if callback.forgery is not None:
            self._statistics.forgery_answers[answer] += 1
            return
        self._statistics.answers[answer] += 1
        self._statistics.posted.append(
            Posted(
                id=callback.job.id,
                state=str(callback.job.state),
                webhook_id=callback.webhook_id if self._signs(callback) else "",
                sha256=hashlib.sha256(callback.body).hexdigest(),
                answer=answer,
            )
        )
        if answer.isdecimal() and int(answer) in _HTTP_OK:
            self._statistics.answered[callback.job.id].add(str(callback.job.state))
        elif callback.attempt <= self.settings.retries:
            pause = Backoff(least=self.settings.retry_after, longest=LONGEST).pause(callback.attempt)
            again = replace(callback, attempt=callback.attempt + 1)
            self._timeline.after(pause, lambda: self.send(again))

    async def _post(self, callback: Callback, session: aiohttp.ClientSession) -> str:
        self._count(callback)
        timeout = aiohttp.ClientTimeout(total=self.settings.callback_timeout.total_seconds())
        began, status, answered = self._clock.monotonic(), None, b""
        # Of a callback URL that is none: a creator may have given anything.
        url, body = callback.url, callback.body
        headers: dict[str, str] = {}
        try:
            url, body, headers = self._written(callback)
            headers["Content-Type"] = "application/json"
            async with session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                answered, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            status = None
        if self.recorder is not None:
            secrets = self.settings.secrets_of(callback.job.account)
            self.recorder.called_back(
                began, "POST", url, headers, body, secrets=secrets, status=status, answer=answered
            )
        return "unreachable" if status is None else str(status)

    def _written(self, callback: Callback) -> tuple[str, bytes, dict[str, str]]:
        """Return URL, body and headers. Signed now, not when it was planned: a delay must not make it stale."""
        now = self._clock.now()
        secrets = self.settings.secrets_of(callback.job.account)
        if callback.forgery is not None:
            body = forged_body(callback.job, now)
            return (
                forged_url(callback.forgery, callback.url),
                body,
                forged_headers(callback.forgery, body, now, secrets),
            )
        if not self._signs(callback):
            return callback.url, callback.body, {}
        seconds = int((now - EPOCH).total_seconds())
        signatures = (sign(secret, callback.webhook_id, seconds, callback.body) for secret in secrets)
        headers = {
            HEADER_ID: callback.webhook_id,
            HEADER_TIMESTAMP: str(seconds),
            HEADER_SIGNATURE: " ".join(signatures),
        }
        return callback.url, callback.body, headers

    def _signs(self, callback: Callback) -> bool:
        legacy = callback.job.order.endpoint.generation is Generation.LEGACY
        return bool(self.settings.secrets_of(callback.job.account)) and (self.settings.sign_legacy or not legacy)

    def _count(self, callback: Callback) -> None:
        if callback.forgery is not None:
            self._statistics.callbacks["forged"] += 1
            self._statistics.forgeries[callback.forgery] += 1
            return
        self._statistics.callbacks["sent"] += 1
        if callback.attempt > 1:
            self._statistics.callbacks["retried"] += 1
