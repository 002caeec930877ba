"""The composition root: which parts a running daemon is made of, and in which order they start and stop."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog

from kling_daemon import __version__
from kling_daemon.api import ApiServices, build_api, digest, ensure_token, listening
from kling_daemon.bus import Bus
from kling_daemon.clock import Clock, SystemClock
from kling_daemon.config import Address, Problem, Settings
from kling_daemon.dispatch import Dispatcher
from kling_daemon.egress import EgressClient
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.jobs import Job, JobState
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import KlingClient
from kling_daemon.loader import InstalledPlugin
from kling_daemon.poller import Poller
from kling_daemon.polling import PollPolicy
from kling_daemon.receiver import build_receiver
from kling_daemon.service import StopSignal
from kling_daemon.standard_webhooks import Secret
from kling_daemon.store import Store
from kling_daemon.submission import Spool, SubmitRefusedError, Submitter, submit_for
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import Capabilities, Confirm, Inbox, KlingHealth, Tracker, Trust, load_capability_key

log = structlog.get_logger(__name__)

_LISTENER_SHARE = 0.1
_KLING_SHARE = 0.3
_DELIVERY_SHARE = 0.5
"""How the stop's limit is shared out: answering callers, requests to Kling, attempts of handlers; the rest is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running daemon listens."""

    receiver: Address
    api: Address


def problems_with_secrets(settings: Settings) -> list[Problem]:
    """Return what is wrong with the form of the secrets, none of which is quoted."""
    problems = []
    for name, secret in settings.trust.secrets.items():
        try:
            Secret.parse(name, secret.get_secret_value())
        except ValueError as error:
            problems.append(Problem(path=f"trust.secrets.{name}", message=str(error)))
    if settings.kling.api_key is not None:
        try:
            ApiKey(key=settings.kling.api_key.get_secret_value())
        except ValueError as error:
            problems.append(Problem(path="kling.api_key", message=str(error)))
    return problems


async def run_daemon(
    settings: Settings,
    handlers: Sequence[ConfiguredHandler],
    plugins: Sequence[InstalledPlugin],
    *,
    clock: Clock | None = None,
    bus: Bus | None = None,
    stop: StopSignal | None = None,
    ready: Callable[[Addresses], None] = lambda _addresses: None,
) -> None:
    """Run a daemon until it is asked to stop, by SIGTERM, SIGINT or through `stop`.

    Raises StoreError, TokenError or ListenError when it cannot start; then nothing runs any more. Once stopped, it
    returns within `service.stop_timeout`, or the process ends: what was cut off costs no attempt and is taken up at
    the next start.
    """
    stop = stop or StopSignal(settings.service.stop_timeout)
    with stop.installed():
        running = _daemon(settings, handlers, plugins, clock=clock or SystemClock(), bus=bus or Bus())
        async with running as addresses:
            log.info("ready", version=__version__, receiver=str(addresses.receiver), api=str(addresses.api))
            ready(addresses)
            await stop.wait()
    log.info("stopped")


@asynccontextmanager
async def _daemon(
    settings: Settings,
    handlers: Sequence[ConfiguredHandler],
    plugins: Sequence[InstalledPlugin],
    *,
    clock: Clock,
    bus: Bus,
) -> AsyncIterator[Addresses]:
    """Start the parts in the order in which they stand here; they stop in the reverse one."""
    directory, limit = settings.store.directory, settings.service.stop_timeout
    metrics, requests = Metrics(version=__version__), Counter[str]()

    def count_request(verb: str, outcome: str) -> None:
        requests[verb] += 1
        metrics.kling_request(verb, outcome)

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        store = await enter(Store.open(directory, clock=clock, policy=_poll_policy(settings), on_commit=metrics.commit))
        counts = await store.read.job_counts()
        metrics.open_jobs({state: count for state, count in counts.items() if not JobState(state).is_terminal})
        token = ensure_token(directory, _credential("api_token"))
        tracker = Tracker(store, bus, metrics)
        capabilities = Capabilities(load_capability_key(directory))
        inbox = Inbox(
            trust=_trust(settings, capabilities),
            tracker=tracker,
            store=store,
            clock=clock,
            counters=metrics,
            adopt=settings.trust.adopt == "called",
        )
        health = KlingHealth(store, bus, clock)
        parts = _Parts(store=store, clock=clock, count_request=count_request)
        account = await enter(
            _account(settings, tracker=tracker, health=health, capabilities=capabilities, parts=parts)
        )
        http = await enter(EgressClient(allow_http=settings.egress.allow_http, max_size=settings.egress.max_size))
        dispatcher = Dispatcher(
            store,
            bus,
            handlers,
            clock=clock,
            data_dir=directory / "handlers",
            http=http,
            submit_for=partial(submit_for, account.submit),
            stop_timeout=limit * _DELIVERY_SHARE,
            observe=metrics.delivery,
        )
        await enter(dispatcher.running())
        await enter(_looping(account.loops, limit * _KLING_SHARE))
        await inbox.read_again()
        services = ApiServices(
            store=store,
            bus=bus,
            submit=account.submit,
            wake=dispatcher.wake,
            handlers=dispatcher.status,
            plugins=plugins,
            metrics=metrics.registry,
            kling_requests=lambda: requests,
            obstacles=tuple,
            token_digests=(digest(token),),
        )
        answer_limit = limit * _LISTENER_SHARE
        api = await enter(listening(build_api(services), settings.api.listen, stop_timeout=answer_limit))
        receiver_app = build_receiver(inbox, path=settings.receiver.path, max_body=settings.receiver.max_body)
        receiver = await enter(listening(receiver_app, settings.receiver.listen, stop_timeout=answer_limit))
        yield Addresses(receiver=receiver, api=api)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    store: Store
    clock: Clock
    count_request: Callable[[str, str], None]


class _Loop(Protocol):
    async def run(self) -> None: ...
    def stop(self) -> None: ...


@asynccontextmanager
async def _looping(loops: Mapping[str, _Loop], limit: timedelta) -> AsyncIterator[None]:
    """Run the loops; on exit let each finish its step within the limit. One that breaks ends the daemon."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(loop.run(), name=name) for name, loop in loops.items()]
        try:
            yield
        finally:
            for loop in loops.values():
                loop.stop()
            if running:
                _, late = await asyncio.wait(running, timeout=limit.total_seconds())
                for task in late:
                    log.warning("cut off", task=task.get_name())
                    task.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """What there is to do with a Kling account; without a key nothing is asked and nothing can be submitted."""

    loops: Mapping[str, _Loop]
    submitter: Submitter | None

    async def submit(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str] | None,
        external_id: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        if self.submitter is None:
            raise SubmitRefusedError("no Kling API key is configured; set kling.api_key or KLING_API_KEY")
        return await self.submitter.accept(path, body, tags=tags, external_id=external_id, job_id=job_id)


@asynccontextmanager
async def _account(
    settings: Settings, *, tracker: Tracker, health: KlingHealth, capabilities: Capabilities, parts: _Parts
) -> AsyncIterator[_Account]:
    if settings.kling.api_key is None:
        log.warning("no kling api key: callbacks are taken, but nothing can be polled, confirmed or submitted")
        yield _Account(loops={}, submitter=None)
        return
    store, clock = parts.store, parts.clock
    public_url = settings.receiver.public_url
    async with KlingClient(
        settings.kling.base_url,
        ApiKey(key=settings.kling.api_key.get_secret_value()),
        clock=clock,
        timeout=settings.kling.timeout,
        max_requests_per_second=settings.kling.max_requests_per_second,
        on_request=parts.count_request,
    ) as client:
        submitter = Submitter(
            store=store,
            tracker=tracker,
            client=client,
            health=health,
            spool=Spool(settings.store.directory / "spool"),
            capabilities=capabilities,
            clock=clock,
            callback_url=f"{public_url}{settings.receiver.path}" if public_url is not None else None,
        )
        poller = Poller(
            store=store,
            tracker=tracker,
            client=client,
            health=health,
            clock=clock,
            adopt=settings.trust.adopt == "called",
            hint_queries_per_minute=settings.trust.hint_queries_per_minute,
        )
        yield _Account(loops={"submitter": submitter, "poller": poller}, submitter=submitter)


def _poll_policy(settings: Settings) -> PollPolicy:
    poller = settings.poller
    return PollPolicy(fallback_after=poller.fallback_after, interval=poller.interval, max_interval=poller.max_interval)


def _trust(settings: Settings, capabilities: Capabilities) -> Trust:
    trust = settings.trust
    return Trust(
        path=settings.receiver.path,
        secrets=[Secret.parse(name, secret.get_secret_value()) for name, secret in trust.secrets.items()],
        capabilities=capabilities,
        require_signature=trust.require_signature,
        confirm=Confirm(trust.confirm),
        tolerance=trust.tolerance,
    )


def _credential(name: str) -> str | None:
    """Return a systemd credential, if there is one."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(directory) / name if directory else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else None
