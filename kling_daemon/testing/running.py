"""Running one attempt of a plugin's handler just as the daemon does, without a daemon."""

import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pydantic

from kling_daemon.config import ConfigError, HandlerSettings, Settings, problems_of
from kling_daemon.config.sections import StoreSettings
from kling_daemon.contexts import DeliveryContext, HandlerContext
from kling_daemon.deliveries import Acknowledged, Delivery, Outcome
from kling_daemon.dispatch.attempt import Attempt
from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.events import Item
from kling_daemon.handlers import ConfiguredHandler, HandlerType, Invoke
from kling_daemon.hookspecs import hookimpl
from kling_daemon.http_client import HttpClient
from kling_daemon.loader import Discovery, InstalledPlugin, PluginStatus, configure
from kling_daemon.loader.examination import examine
from kling_daemon.testing.clock import START
from kling_daemon.testing.recorders import LogLine, MemoryJournal, RecordingLog, RecordingSubmit, Submitted

HANDLER_NAME = "tested"
"""What an instance of a handler type is called while it is tested."""

PLUGIN_NAME = "plugin"
"""What the plugin is called, and so the handler that its event hooks form."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRun:
    """What came of one attempt."""

    outcome: Outcome
    """`Acknowledged`, `Failed`, `Postponed` or `Rejected`, as the daemon would store it."""
    raised: BaseException | None
    """What the handler raised, with its traceback; None when it returned."""
    logs: tuple[LogLine, ...]
    """What it logged through its contexts."""
    steps: Mapping[str, Any]
    """What the delivery remembers; hand it to the next attempt."""
    submitted: tuple[Submitted, ...]
    """The follow-up jobs that it asked for."""

    @property
    def result(self) -> Mapping[str, Any] | None:
        """What the handler returned, as other handlers will see it; None when it returned nothing or failed."""
        return self.outcome.result if isinstance(self.outcome, Acknowledged) else None


async def run_handler(
    handler: HandlerType | object,
    event: Item,
    *,
    config: Mapping[str, Any] = _NOTHING,
    http: HttpClient | None = None,
    attempt: int = 1,
    results: Mapping[str, Mapping[str, Any] | None] = _NOTHING,
    steps: Mapping[str, Any] = _NOTHING,
    data_dir: Path | None = None,
    timeout: timedelta = timedelta(seconds=30),  # noqa: ASYNC109 - it is the delivery's, counted between heartbeats
) -> HandlerRun:
    """Open a handler, give it one event or notice, close it, and return what came of it.

    handler: a handler type, or a plugin as its entry point names it (usually a module). config: the keys of the
    handler's section as in TOML; `type` may be left out where the plugin offers one type alone. http: by default the
    daemon's own client, which may also ask servers of this machine, and by plain http; nothing else that is not public.
    steps: what an earlier attempt's `HandlerRun` has as `steps`. data_dir: by default a temporary one.

    Raises ConfigError for a wrong configuration, UnsuitableError for a plugin that the daemon would not load, and
    whatever the handler raises while it opens or closes.
    """
    log = RecordingLog()
    async with AsyncExitStack() as stack:
        folder = data_dir if data_dir is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if http is None:
            http = await stack.enter_async_context(EgressClient(allow_http=True, networks=LOOPBACK))
        configured = _configured(handler, config, data_dir=folder)
        context = HandlerContext(name=configured.name, log=log, data_dir=folder, http=http)
        invoke = await stack.enter_async_context(configured.open(context))
        delivery = Delivery(
            id=1, handler=configured.name, item=event, attempt=attempt, created_at=START, results=dict(results)
        )
        running = Attempt(delivery, timeout=timeout.total_seconds())
        journal, submit = MemoryJournal(steps), RecordingSubmit(delivery)
        raised: list[BaseException] = []
        outcome = await running.run(
            _recording(invoke, raised),
            DeliveryContext(
                name=context.name,
                log=log,
                data_dir=folder,
                http=http,
                submit=submit,
                attempt=attempt,
                idempotency_key=delivery.idempotency_key,
                results=delivery.results,
                heartbeat=running.heartbeat,
                journal=journal,
            ),
        )
    return HandlerRun(
        outcome=outcome,
        raised=raised[0] if raised else None,
        logs=tuple(log.lines),
        steps=journal.steps,
        submitted=tuple(submit.submitted.values()),
    )


def _configured(handler: HandlerType | object, config: Mapping[str, Any], *, data_dir: Path) -> ConfiguredHandler:
    """Return the handler as the daemon would configure it."""
    plugin = as_installed(handler)
    types = [offered.name for offered in plugin.types]
    defaults = {"type": types[0]} if len(types) == 1 and not plugin.hooks else {}
    try:
        section = HandlerSettings.model_validate({**defaults, **config})
    except pydantic.ValidationError as error:
        raise ConfigError(problems_of(error, HandlerSettings)) from error
    name = plugin.name if section.type is None else HANDLER_NAME
    settings = Settings(store=StoreSettings(directory=data_dir), handlers={name: section})
    handlers, problems = configure(Discovery(plugins=(plugin,)), settings)
    if problems:
        raise ConfigError(problems)
    return next(configured for configured in handlers if configured.name == name)


def as_installed(plugin: HandlerType | object) -> InstalledPlugin:
    """Return a plugin as if it were installed. Raises UnsuitableError when the daemon would not load it."""
    described = InstalledPlugin(name=PLUGIN_NAME, distribution="under test", version="0", status=PluginStatus.READY)
    return examine(_Offering(plugin) if isinstance(plugin, HandlerType) else plugin, described)


class _Offering:
    """A plugin that offers one handler type."""

    def __init__(self, offered: HandlerType) -> None:
        self._offered = offered

    @hookimpl
    def kling_register_handlers(self) -> list[HandlerType]:
        """Offer it."""
        return [self._offered]


def _recording(invoke: Invoke, raised: list[BaseException]) -> Invoke:
    async def recorded(item: Item, context: DeliveryContext) -> Mapping[str, Any] | None:
        try:
            return await invoke(item, context)
        except BaseException as error:
            raised.append(error)
            raise

    return recorded
