"""Starts the parts of a daemon in their order, and stops them in the reverse one."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from aiohttp.abc import AbstractResolver

from kling_daemon import __version__
from kling_daemon.api import ApiServices, EventStreams, EventTail, OwnNames, TokenRegistry, build_api, ensure_token
from kling_daemon.app import (
    certificate_watch,
    clock_watch,
    contradictions,
    expiry_watch,
    old_keys,
    overdue_watch,
    punctuality,
    retention,
    space_watch,
    strange_words,
)
from kling_daemon.app.account import Parts, open_account
from kling_daemon.app.certificate_watch import CertificateWatch
from kling_daemon.app.certificates import open_certificates
from kling_daemon.app.clock_watch import ClockWatch
from kling_daemon.app.contradictions import Contradictions
from kling_daemon.app.expiry_watch import ExpiryWatch
from kling_daemon.app.first_token import first_token
from kling_daemon.app.from_settings import egress_client, poll_policy
from kling_daemon.app.handing_over import as_passed, reading, tell_of_differences
from kling_daemon.app.live_parts import admission_rules, live_parts, trust_of
from kling_daemon.app.looping import Loop, looping
from kling_daemon.app.old_keys import OldKeys
from kling_daemon.app.overdue_watch import OverdueWatch
from kling_daemon.app.porters import api_porter, receiver_porter
from kling_daemon.app.punctuality import PunctualityWatch
from kling_daemon.app.reloading import Read, Reloader
from kling_daemon.app.retention import Retention
from kling_daemon.app.secrets import credential, warn_of_missing
from kling_daemon.app.space_watch import SpaceWatch
from kling_daemon.app.strange_words import StrangeWords
from kling_daemon.app.watching import Watching
from kling_daemon.backoff import Backoff
from kling_daemon.bus import Bus
from kling_daemon.clock import Clock, SystemClock
from kling_daemon.config import Address, Settings
from kling_daemon.dispatch import Dispatcher
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.listening import listening
from kling_daemon.loader import InstalledPlugin
from kling_daemon.punctuality import JobKind
from kling_daemon.receiver import PlainCallbacks, build_receiver
from kling_daemon.service import API, RECEIVER, StopSignal, Supervision
from kling_daemon.store import Room, Store
from kling_daemon.submission import submit_for
from kling_daemon.telemetry import Metrics
from kling_daemon.tracking import (
    Abandoner,
    Admission,
    Inbox,
    NoticeBoard,
    Tracker,
)

log = structlog.get_logger(__name__)

_LISTENER_SHARE = 0.05
_KLING_SHARE = 0.2
_DELIVERY_SHARE = 0.45
"""How the stop's limit is shared out: each listener's callers, requests to Kling, attempts of handlers.

The rest is for closing: handlers, connections, the store.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running daemon listens."""

    receiver: Address
    api: Address


async def run_daemon(
    settings: Settings,
    handlers: Sequence[ConfiguredHandler],
    plugins: Sequence[InstalledPlugin],
    *,
    clock: Clock | None = None,
    bus: Bus | None = None,
    lookup: AbstractResolver | None = None,
    stop: StopSignal | None = None,
    read: Read | None = None,
    supervision: Supervision | None = None,
    ready: Callable[[Addresses], None] = lambda _addresses: None,
) -> None:
    """Run a daemon until it is asked to stop, by SIGTERM, SIGINT or through `stop`.

    Raises StoreError, TokenError or ListenError when it cannot start; then nothing runs any more. Once stopped, it
    returns within `service.stop_timeout`; where a signal asked for it, the process ends otherwise. What was cut off
    costs no attempt and is taken up at the next start. read: reads the configuration anew when a reload is asked for;
    without it there is nothing new to read. supervision: what a service manager has given and wants to be told. lookup:
    how names are looked up that handlers ask for; by default as the system does.
    """
    stop = stop or StopSignal(settings.service.stop_timeout)
    supervision = supervision or Supervision()
    served = as_passed(settings, supervision.sockets)
    tell_of_differences(settings, served)
    with stop.installed():
        running = _daemon(
            served,
            handlers,
            plugins,
            clock=clock or SystemClock(),
            bus=bus,
            lookup=lookup,
            read=reading(read or (lambda: (None, settings)), supervision.sockets),
            supervision=supervision,
        )
        async with running as addresses:
            log.info("ready", version=__version__, receiver=str(addresses.receiver), api=str(addresses.api))
            supervision.notify.ready(f"Running: callbacks at {addresses.receiver}, the API at {addresses.api}")
            ready(addresses)
            await stop.wait()
            supervision.notify.stopping()
    log.info("stopped")


@asynccontextmanager
async def _daemon(
    settings: Settings,
    handlers: Sequence[ConfiguredHandler],
    plugins: Sequence[InstalledPlugin],
    *,
    clock: Clock,
    bus: Bus | None,
    lookup: AbstractResolver | None,
    read: Read,
    supervision: Supervision,
) -> AsyncIterator[Addresses]:
    """Start the parts in the order in which they stand here; in the reverse one they stop, the receiver last.

    Handlers may take most of the stop's time to end what they do. Whoever sends a callback does not wait for so long,
    and what it tells needs no handler to be committed.
    """
    directory, limit = settings.store.directory, settings.service.stop_timeout
    metrics, requests = Metrics(version=__version__), Counter[str]()
    hastened: dict[JobKind, timedelta] = {}
    policy = poll_policy(settings, hastened)
    bus = bus or Bus(on_drop=metrics.ring_dropped)

    def count_request(verb: str, outcome: str) -> None:
        requests[verb] += 1
        metrics.kling_request(verb, outcome)

    certificates = open_certificates(settings)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        store = await enter(
            Store.open(
                directory,
                clock=clock,
                policy=policy,
                backoff=Backoff(least=settings.delivery.backoff, longest=settings.delivery.max_backoff),
                on_commit=metrics.commit,
            )
        )
        metrics.open_jobs(await store.read.open_job_counts())
        # Before anything is written with the clock of now.
        last_written = await store.due.last_written()
        await store.note_start()
        token = ensure_token(directory, credential("api_token"))
        tokens = await TokenRegistry.open(store, clock, first=token)
        tracker = Tracker(store, bus, metrics)
        board = NoticeBoard(store, bus, clock, count=metrics.notice)
        admission = Admission(admission_rules(settings), seconds=clock.monotonic)
        keys = await OldKeys.open(store, directory)
        inbox = Inbox(
            trust=trust_of(settings, keys.capabilities),
            tracker=tracker,
            store=store,
            clock=clock,
            counters=metrics,
            adopt=settings.trust.adopt != "none",
            admission=admission,
        )
        room = Room(directory, settings.store.reserve)
        parts = Parts(
            store=store,
            room=room,
            tracker=tracker,
            board=board,
            capabilities=keys.capabilities,
            clock=clock,
            metrics=metrics,
            on_request=count_request,
        )
        warn_of_missing(settings)
        account = await enter(open_account(settings, parts))
        dispatcher = Dispatcher(
            store,
            bus,
            handlers,
            clock=clock,
            board=board,
            data_dir=directory / "handlers",
            http=await enter(egress_client(settings, lookup)),
            submit_for=partial(submit_for, account.submit),
            stop_timeout=limit * _DELIVERY_SHARE,
            observe=metrics.delivery,
        )
        plain = await enter(
            PlainCallbacks.running(inbox, path=settings.receiver.path, max_body=settings.receiver.max_body)
        )
        working = await enter(AsyncExitStack())
        await working.enter_async_context(dispatcher.running())
        retain = Retention(store, keep=settings.store.retention, count=metrics.removed).step
        watch_clock = ClockWatch(store, clock, last_written=last_written).step
        overdue = OverdueWatch(store, board, clock, after=policy.overdue_after, measure=metrics.overdue_jobs)
        watch_certificates = CertificateWatch(certificates, board, clock, measure=metrics.certificate)
        watches: dict[str, Loop] = {
            "certificate watch": Watching(watch_certificates.look, every=certificate_watch.LOOK),
            "clock watch": Watching(watch_clock, every=clock_watch.LOOK),
            "retention": Watching(retain, every=retention.TROUBLED, first=retention.FIRST),
            "punctuality": Watching(PunctualityWatch(store, clock, policy, hastened).look, every=punctuality.LOOK),
            "overdue watch": Watching(overdue.look, every=overdue_watch.LOOK),
            "contradictions": Watching(Contradictions(board, tracker).look, every=contradictions.LOOK),
            "old keys": Watching(keys.look, every=old_keys.LOOK),
            "strange words": Watching(StrangeWords(board, tracker).look, every=strange_words.LOOK),
            "space watch": Watching(SpaceWatch(room, board, measure=metrics.free_bytes).look, every=space_watch.LOOK),
            "expiry watch": Watching(ExpiryWatch(store, board, clock).look, every=expiry_watch.LOOK),
        }
        tail = EventTail(store.events, bus)
        live = live_parts(inbox=inbox, capabilities=keys.capabilities, account=account, admission=admission)
        reloader = Reloader(
            settings, read, [*live, first_token(directory, tokens), watch_certificates.prepare], supervision.notify
        )
        loops = {**account.loops, "event tail": tail, "reloader": reloader, **watches}
        await working.enter_async_context(looping(loops, limit * _KLING_SHARE))
        await inbox.read_again()
        services = ApiServices(
            store=store,
            clock=clock,
            polling=policy,
            bus=bus,
            streams=EventStreams(store.events, tail),
            submit=account.submit,
            check=account.check,
            cancel=account.canceller.cancel,
            abandon=Abandoner(store=store, tracker=tracker, clock=clock).abandon,
            series=account.series,
            track=account.track,
            wake=dispatcher.wake,
            handlers=dispatcher.status,
            plugins=plugins,
            metrics=metrics.registry,
            kling_requests=lambda: requests,
            reconciliation=account.reconciliation,
            reload=reloader.reload,
            obstacles=lambda: (*store.obstacles(), *room.obstacles()),
            room=room,
            trust=lambda: inbox.trust,
            tokens=tokens,
            asks_for_token=settings.api.auth == "token",
            names=OwnNames(settings.api.listen, settings.api.hosts),
        )
        listen = partial(listening, stop_timeout=limit * _LISTENER_SHARE)
        tls = {listener: certificate.context for listener, certificate in certificates.items()}
        api = await working.enter_async_context(
            listen(
                build_api(services),
                settings.api.listen,
                passed=supervision.sockets.get(API, ()),
                porter=api_porter(metrics),
                tls=tls.get(API),
            )
        )
        receiver = await enter(
            listen(
                build_receiver(inbox, path=settings.receiver.path, max_body=settings.receiver.max_body),
                settings.receiver.listen,
                shortcut=plain,
                passed=supervision.sockets.get(RECEIVER, ()),
                porter=receiver_porter(metrics),
                tls=tls.get(RECEIVER),
            )
        )
        # Last, so that a signal during the start is heard once there is something to change.
        working.enter_context(supervision.hang_up.told_to(reloader.ask) if supervision.hang_up else nullcontext())
        stack.push_async_exit(working)  # once more, so that it ends before the receiver does
        yield Addresses(receiver=receiver, api=api)
