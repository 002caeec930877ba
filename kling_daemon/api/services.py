"""What the local API needs from the rest of the daemon."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from kling_daemon.api.event_streams import EventStreams
from kling_daemon.api.own_names import OwnNames
from kling_daemon.api.token_registry import TokenRegistry
from kling_daemon.bus import Bus
from kling_daemon.client.models import ReloadedModel
from kling_daemon.clock import Clock
from kling_daemon.dispatch.status import HandlerStatus
from kling_daemon.jobs import Job
from kling_daemon.loader import InstalledPlugin
from kling_daemon.poller import Named, NamedTask, Reconciliation, Series
from kling_daemon.polling import PollPolicy
from kling_daemon.store import DiskReserve, Store
from kling_daemon.tracking import Trust


class SubmitJob(Protocol):
    """Takes jobs that are to be created at Kling."""

    async def __call__(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str],
        external_id: str | None,
        job_id: str | None,
    ) -> Job:
        """Return the job once its intent is committed. Raises SubmitRefusedError for what Kling would never take.

        job_id: the job is given it, or is that which has it already.
        """
        ...


class CheckOrder(Protocol):
    """Tells whether a job would be taken."""

    async def __call__(
        self, path: str, body: Mapping[str, Any], *, external_id: str | None, job_id: str | None
    ) -> None:
        """Raise SubmitRefusedError where submitting would; nothing is stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The parts of a running daemon that the local API shows and works on."""

    store: Store
    clock: Clock
    polling: PollPolicy
    """When jobs are polled; for showing it."""
    bus: Bus
    streams: EventStreams
    """Those who listen to events; the daemon runs the tail that they are fed from."""
    submit: SubmitJob
    check: CheckOrder
    cancel: Callable[[Job], Awaitable[Job]]
    """Ends a job that was not sent yet; raises NotCancellableError for any other."""
    abandon: Callable[[Job, str], Awaitable[Job]]
    """Ends a job that Kling has taken, in the name of whoever the second says; raises NotAbandonableError."""
    series: Callable[[str], Series | None]
    """How often in a row Kling has not known a job, if it has not."""
    track: Callable[[Sequence[NamedTask]], Awaitable[list[Named]]] | None
    """Tracks tasks that were created elsewhere; None without a key to ask Kling with."""
    wake: Callable[[str], None]
    """Tells a handler's lane that something may be due."""
    handlers: Callable[[], Sequence[HandlerStatus]]
    """How the loaded handlers are doing."""
    plugins: Sequence[InstalledPlugin]
    """What was found at start, broken ones included."""
    metrics: CollectorRegistry
    kling_requests: Callable[[], Mapping[str, int]]
    """How often Kling was asked since the start, by kind of request."""
    reconciliation: Callable[[], Reconciliation | None]
    """What came of the last look at Kling's lists; None before the first."""
    obstacles: Callable[[], Sequence[str]]
    """Why the daemon is not ready, in short phrases that anybody may read; empty when it is."""
    reload: Callable[[], Awaitable[ReloadedModel]]
    """Reads the configuration anew."""
    reserve: DiskReserve
    """How much room is left on the disk; what makes much of little is refused before callbacks are."""
    trust: Callable[[], Trust]
    """The rules by which callbacks are judged now; it keeps the secrets to itself."""
    tokens: TokenRegistry
    """Who may use the API."""
    asks_for_token: bool
    """False where whoever reaches the API may do everything."""
    names: OwnNames
    """Which names in requests mean this daemon."""
