"""A local API on real sockets over a real store, with the rest of the daemon reduced to what a test wants to see."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from aiohttp import web
from fakes.reports import make_report
from fakes.running_daemon import SECRET
from prometheus_client import CollectorRegistry, Counter

from kling_daemon.api import ApiServices, EventStreams, EventTail, OwnNames, TokenRegistry, build_api
from kling_daemon.api.event_streams import MAX_LISTENERS, WRITE_WITHIN
from kling_daemon.app.looping import looping
from kling_daemon.bus import Bus
from kling_daemon.client import Daemon, Target
from kling_daemon.client.models import ReloadedModel
from kling_daemon.clock import Clock, SystemClock
from kling_daemon.config import TcpAddress, UnixAddress
from kling_daemon.dispatch import HandlerStatus, Openness
from kling_daemon.ids import new_id
from kling_daemon.jobs import Job, JobState
from kling_daemon.listening import listening
from kling_daemon.loader import InstalledPlugin, PluginStatus
from kling_daemon.poller import Finding, Named, NamedTask, Series
from kling_daemon.polling import PollPolicy
from kling_daemon.reports import Source
from kling_daemon.standard_webhooks import Secret
from kling_daemon.store import DiskReserve, Intent, News, Recorded, Registration, Store
from kling_daemon.submission import Canceller, SubmitRefusedError
from kling_daemon.testing import make_job
from kling_daemon.tracking import Abandoner, Capabilities, Trust

TOKEN = "made-up-token-of-at-least-thirty-two-characters"
LOCAL = TcpAddress(host="127.0.0.1", port=0)
UNCHANGED = ReloadedModel(file=None, applied=[], restart=[], problems=[])
NOWHERE = Target(url="", token=TOKEN, token_from="the test")

ARCHIVE = HandlerStatus(
    name="archive",
    plugin="download",
    events=("job.completed",),
    depends_on=(),
    openness=Openness.OPEN,
    reason=None,
    running=0,
    concurrency=8,
)


@dataclass
class LocalApi:
    """What a test can do behind the API's back."""

    store: Store
    bus: Bus
    tail: EventTail
    tokens: TokenRegistry
    statuses: list[HandlerStatus] = field(default_factory=lambda: [ARCHIVE])
    plugins: list[InstalledPlugin] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    reloaded: ReloadedModel = UNCHANGED
    trust: Trust = field(default_factory=lambda: trust_in(SECRET))
    target: Target = NOWHERE
    application: web.Application | None = None

    async def submit(
        self,
        path: str,
        _body: Mapping[str, Any],
        *,
        tags: Mapping[str, str],
        external_id: str | None,
        job_id: str | None = None,
    ) -> Job:
        """Store an intent as the submitter does; nothing is sent anywhere."""
        await self.check(path, {}, external_id=external_id, job_id=job_id)
        now = SystemClock().now()
        job = make_job(
            id=job_id or new_id(now), external_id=external_id, endpoint=path, state=JobState.QUEUED, tags=dict(tags),
            created_at=now, updated_at=now,
        )  # fmt: skip
        recorded = await self.store.make_job(Intent(job=job, path=path, digest="0" * 64, callback_expected=False))
        self.bus.publish(recorded.events)
        return job

    async def reload(self) -> ReloadedModel:
        """Find what the test has made of the configuration."""
        return self.reloaded

    async def record(self, news: News) -> Recorded:
        """Commit news and tell of it."""
        recorded = await self.store.record(news)
        self.tell(news, recorded)
        return recorded

    def tell(self, _news: News, recorded: Recorded) -> None:
        """Ring as the tracker does, without a log: it would stand among what a command prints."""
        self.bus.publish(recorded.events)

    async def check(self, path: str, _body: Mapping[str, Any], *, external_id: str | None, **_given: Any) -> None:
        """Refuse what is no path, and an external id that is in use."""
        if not path.startswith("/"):
            raise SubmitRefusedError(f"{path[:80]!r} is no create path of Kling's")
        if external_id is not None and await self.store.read.job(external_id) is not None:
            raise SubmitRefusedError(f"the external id {external_id!r} is already that of a job")

    async def track(self, tasks: Sequence[NamedTask]) -> list[Named]:
        """Find tasks whose ids begin with `t` as a Kling that knows them would; no other is known."""
        found = []
        for task in tasks:
            if not task.task_id.startswith("t"):
                found.append(Named(task_id=task.task_id, finding=Finding.UNKNOWN, detail="Kling does not know it"))
                continue
            known = await self.store.read.job(task.task_id)
            finding = Finding.TRACKED if known is None else Finding.KNOWN
            if known is None:
                report = make_report(task.task_id, JobState.SUBMITTED, endpoint=task.endpoint)
                known = (await self.store.record(News(report=report, adopt=True, tags=task.tags))).job
            found.append(Named(task_id=task.task_id, finding=finding, job=known))
        return found

    async def make_job(self, tags: Mapping[str, str] = MappingProxyType({})) -> Job:
        """Have a queued job."""
        return await self.submit("/text-to-video/kling-3.0", {}, tags=tags, external_id=None)

    async def report(self, job: Job, state: JobState, **given: Any) -> Recorded:
        """Let Kling say something about a job, and ring."""
        now = SystemClock().now()
        values = {
            "task_id": f"t-{job.id}", "state": state, "generation": job.generation, "source": Source.POLL,
            "created_at": now, "updated_at": now, "received_at": now,
        }  # fmt: skip
        recorded = await self.store.record(News(report=make_report(**values | given), job_id=job.id))
        self.bus.publish(recorded.events)
        return recorded


def trust_in(*secrets: Secret) -> Trust:
    """Return the rules of a daemon that has these webhook secrets."""
    return Trust(path="/webhooks/kling", secrets=secrets, capabilities=Capabilities(b"k" * 32))


@asynccontextmanager
async def local_api(
    directory: Path,
    *,
    address: TcpAddress | UnixAddress = LOCAL,
    tls: ssl.SSLContext | None = None,
    bus: Bus | None = None,
    clock: Clock | None = None,
    write_within: timedelta = WRITE_WITHIN,
    most_listeners: int = MAX_LISTENERS,
    first_token: str = TOKEN,
    reserve: int = 1,
    hosts: Sequence[str] = (),
    asks_for_token: bool = True,
):
    """Run the API until the context is left; what the store draws by lot is the same each time."""
    async with Store.open(directory, clock=clock or SystemClock(), random=Random(1)) as store:  # noqa: S311 - no secret
        await store.register_handlers(
            [
                Registration(name=name, events=frozenset({"job.completed"}), depends_on=())
                for name in ("archive", "forgotten")
            ]
        )
        bus = bus or Bus()
        tokens = await TokenRegistry.open(store, clock or SystemClock(), first=first_token)
        api = LocalApi(store=store, bus=bus, tail=EventTail(store.events, bus), tokens=tokens)
        Counter("kling_daemon_tests", "A number", registry=api.registry).inc()
        api.plugins.append(
            InstalledPlugin(name="broken", distribution="d", version="1", status=PluginStatus.BROKEN, problem="why")
        )
        services = ApiServices(
            store=store,
            clock=clock or SystemClock(),
            polling=PollPolicy(),
            bus=api.bus,
            streams=EventStreams(store.events, api.tail, write_within=write_within, most=most_listeners),
            submit=api.submit,
            check=api.check,
            cancel=Canceller(store=store, tracker=api, clock=SystemClock()).cancel,
            abandon=Abandoner(store=store, tracker=api, clock=SystemClock()).abandon,
            series=api.series.get,
            track=api.track,
            wake=api.woken.append,
            handlers=lambda: api.statuses,
            plugins=api.plugins,
            metrics=api.registry,
            kling_requests=lambda: {"tasks": 3},
            reconciliation=lambda: None,
            obstacles=lambda: api.obstacles,
            reload=api.reload,
            reserve=DiskReserve(directory, reserve),
            trust=lambda: api.trust,
            tokens=tokens,
            asks_for_token=asks_for_token,
            names=OwnNames(address, hosts),
        )
        api.application = build_api(services)
        async with (
            looping({"event tail": api.tail}, timedelta(seconds=5)),
            listening(api.application, address, tls=tls) as bound,
        ):
            url = str(bound) if isinstance(bound, UnixAddress) else f"{'http' if tls is None else 'https'}://{bound}"
            api.target = Target(url=url, token=first_token, token_from="the test")
            yield api


@asynccontextmanager
async def daemon_and_api(directory: Path, **given: Any) -> AsyncIterator[tuple[Daemon, LocalApi]]:
    """Run the API with a client that is connected to it."""
    async with local_api(directory, **given) as api, Daemon(api.target) as daemon:
        yield daemon, api
