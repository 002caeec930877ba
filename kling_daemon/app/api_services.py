"""What the local API shows and works on, put together from the parts of a running daemon."""

from collections.abc import Sequence

from kling_daemon.api import ApiServices, EventStreams, EventTail, OwnNames, TokenRegistry
from kling_daemon.app.account import Account
from kling_daemon.app.parts import Parts
from kling_daemon.app.reloading import Reloader
from kling_daemon.config.sections import ApiSettings
from kling_daemon.dispatch import Dispatcher
from kling_daemon.loader import InstalledPlugin
from kling_daemon.tracking import Abandoner, Inbox


def api_services(
    settings: ApiSettings,
    parts: Parts,
    *,
    account: Account,
    dispatcher: Dispatcher,
    inbox: Inbox,
    tail: EventTail,
    tokens: TokenRegistry,
    reloader: Reloader,
    plugins: Sequence[InstalledPlugin],
) -> ApiServices:
    """Return the services; none of them is opened or started by it."""
    store, reserve = parts.store, parts.reserve
    return ApiServices(
        store=store,
        clock=parts.clock,
        polling=parts.polling,
        bus=parts.bus,
        streams=EventStreams(store.events, tail),
        submit=account.submit,
        check=account.check,
        cancel=account.canceller.cancel,
        abandon=Abandoner(store=store, tracker=parts.tracker, clock=parts.clock).abandon,
        series=account.series,
        track=account.track,
        wake=dispatcher.wake,
        handlers=dispatcher.status,
        plugins=plugins,
        metrics=parts.metrics.registry,
        kling_requests=parts.metrics.kling_requests,
        reconciliation=account.reconciliation,
        reload=reloader.reload,
        obstacles=lambda: (*store.obstacles(), *reserve.obstacles()),
        reserve=reserve,
        trust=lambda: inbox.trust,
        tokens=tokens,
        asks_for_token=settings.auth == "token",
        names=OwnNames(settings.listen, settings.hosts),
    )
