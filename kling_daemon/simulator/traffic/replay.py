"""Plays a recording: answers as Kling answered then, and calls back as it did."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
from aiohttp import web

from kling_daemon.clock import Clock
from kling_daemon.simulator.listening import CONTROL_PREFIX, MAX_BODY, listening
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.traffic.exchanges import Exchange, is_text
from kling_daemon.simulator.traffic.replayed_callbacks import ReplayedCallbacks
from kling_daemon.simulator.traffic.shelf import Shelf
from kling_daemon.standard_webhooks import Signer

_MOST_TOLD = 100


class Replay:
    """A Kling that says again what it said then; no key is asked for."""

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        clock: Clock,
        *,
        speed: float = 1.0,
        callback_to: str | None = None,
        secrets: Sequence[Signer] = (),
    ) -> None:
        """Play so many times faster. callback_to: the base URL for callbacks that no create of the present asked for.

        secrets: what callbacks are signed with that had a good signature.
        """
        self._shelf = Shelf(exchanges)
        self._clock = clock
        self._speed = speed
        self._answered = 0
        self._unrecorded: Counter[str] = Counter()
        self.callbacks = ReplayedCallbacks(
            exchanges, self._shelf.jobs, clock, speed=speed, callback_to=callback_to, secrets=secrets
        )

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Answer and call back until the context is left; yield the URL. OSError when it cannot listen."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_get(CONTROL_PREFIX + "stats", self._stats)
        application.router.add_route("*", "/{anything:.*}", self._handle)
        failure: Exception | None = None
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            listening(application, host, port) as (url, _),
            asyncio.TaskGroup() as group,
        ):
            calling = group.create_task(self.callbacks.run(session), name="replayed callbacks")
            try:
                yield url
            except Exception as error:  # noqa: BLE001 - raised again below; through the group it would be wrapped
                failure = error
            finally:
                calling.cancel()
        if failure is not None:
            raise failure

    def stats(self) -> dict[str, Any]:
        """Return what was answered, what was asked and is not in the recording, and how far the callbacks are."""
        jobs = list(self._shelf.jobs)
        return {
            "answered": self._answered,
            "unrecorded": dict(self._unrecorded.most_common(_MOST_TOLD)),
            "jobs": {"recorded": len(jobs), "replayed": sum(job.is_taken for job in jobs)},
            "callbacks": self.callbacks.as_json(),
            "idle": all(job.is_taken for job in jobs) and self.callbacks.are_sent,
        }

    def creates(self) -> dict[str, int]:
        """Return the paths at which the recording has creates, and for how many jobs."""
        return dict(Counter(job.path for job in self._shelf.jobs))

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.stats())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read() or b"null")
        except (ValueError, RecursionError, web.RequestPayloadError):
            body = None
        found = self._shelf.answer(request.method, request.raw_path, body)
        if found is None or found.exchange is None:
            self._unrecorded[f"{request.method} {request.path}"] += 1
            # Of a job that the recording knows nobody may conclude from a gap in it that there is none.
            error = RefusalError(
                1203 if found is None else 5001, f"not in the recording: {request.method} {request.path}"
            )
            return web.json_response(error.body(), status=error.status)
        exchange = found.exchange
        await asyncio.sleep(exchange.took / self._speed)
        if found.job is not None:
            self.callbacks.begin(found.job)
        self._answered += 1
        if exchange.status is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        return self._answer(exchange, exchange.status)

    def _answer(self, exchange: Exchange, status: int) -> web.Response:
        headers = {} if exchange.retry_after is None else {"Retry-After": exchange.retry_after}
        if exchange.ahead is not None:
            headers["Date"] = format_datetime(self._clock.now() + timedelta(seconds=exchange.ahead), usegmt=True)
        told = exchange.answer
        if told is None:
            return web.Response(status=status, headers=headers)
        if is_text(told):
            return web.Response(status=status, headers=headers, text=told["text"], content_type="text/html")
        return web.json_response(told, status=status, headers=headers)
