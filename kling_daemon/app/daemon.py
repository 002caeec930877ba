"""Starts the parts of a daemon in their order, and stops them in the reverse one."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp.abc import AbstractResolver

from kling_daemon import __version__
from kling_daemon.api import EventTail, TokenRegistry, ensure_token
from kling_daemon.app.account import open_account
from kling_daemon.app.api_services import api_services
from kling_daemon.app.certificate_watch import CertificateWatch
from kling_daemon.app.certificates import open_certificates
from kling_daemon.app.first_token import first_token
from kling_daemon.app.from_settings import egress_client
from kling_daemon.app.handing_over import as_passed, reading, tell_of_differences
from kling_daemon.app.listeners import Listeners
from kling_daemon.app.live_parts import admission_rules, live_parts, trust_of
from kling_daemon.app.looping import looping
from kling_daemon.app.parts import open_parts
from kling_daemon.app.reloading import Read, Reloader
from kling_daemon.app.secrets import credential, warn_of_missing
from kling_daemon.app.watches import watches
from kling_daemon.bus import Bus
from kling_daemon.clock import Clock, SystemClock
from kling_daemon.config import Address, Settings
from kling_daemon.dispatch import Dispatcher
from kling_daemon.handlers import ConfiguredHandler
from kling_daemon.loader import InstalledPlugin
from kling_daemon.service import StopSignal, Supervision
from kling_daemon.submission import submit_for
from kling_daemon.tracking import Admission, Inbox

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
    certificates = open_certificates(settings)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        parts = await enter(open_parts(settings, clock=clock, bus=bus))
        tokens = await TokenRegistry.open(parts.store, clock, first=ensure_token(directory, credential("api_token")))
        admission = Admission(admission_rules(settings), seconds=clock.monotonic)
        inbox = Inbox(
            trust=trust_of(settings, parts.capabilities),
            tracker=parts.tracker,
            store=parts.store,
            clock=clock,
            counters=parts.metrics,
            adopt=settings.trust.adopt != "none",
            admission=admission,
        )
        warn_of_missing(settings)
        account = await enter(open_account(settings, parts))
        dispatcher = Dispatcher(
            parts.store,
            parts.bus,
            handlers,
            clock=clock,
            board=parts.board,
            data_dir=directory / "handlers",
            http=await enter(egress_client(settings, lookup)),
            submit_for=partial(submit_for, account.submit),
            stop_timeout=limit * _DELIVERY_SHARE,
            observe=parts.metrics.delivery,
        )
        working = await enter(AsyncExitStack())
        await working.enter_async_context(dispatcher.running())
        watch = CertificateWatch(certificates, parts.board, clock, measure=parts.metrics.certificate)
        live = live_parts(inbox=inbox, capabilities=parts.capabilities, account=account, admission=admission)
        reloader = Reloader(settings, read, [*live, first_token(directory, tokens), watch.prepare], supervision.notify)
        tail = EventTail(parts.store.events, parts.bus)
        watching = watches(parts, certificates=watch, keep=settings.store.retention)
        loops = {**account.loops, "event tail": tail, "reloader": reloader, **watching}
        await working.enter_async_context(looping(loops, limit * _KLING_SHARE))
        await inbox.read_again()
        listeners = Listeners(
            settings,
            certificates=certificates,
            sockets=supervision.sockets,
            metrics=parts.metrics,
            stop_timeout=limit * _LISTENER_SHARE,
        )
        services = api_services(
            settings.api,
            parts,
            account=account,
            dispatcher=dispatcher,
            inbox=inbox,
            tail=tail,
            tokens=tokens,
            reloader=reloader,
            plugins=plugins,
        )
        api = await working.enter_async_context(listeners.api(services))
        receiver = await enter(listeners.receiver(inbox))
        # Last, so that a signal during the start is heard once there is something to change.
        working.enter_context(supervision.hang_up.told_to(reloader.ask) if supervision.hang_up else nullcontext())
        stack.push_async_exit(working)  # once more, so that it ends before the receiver does
        yield Addresses(receiver=receiver, api=api)
