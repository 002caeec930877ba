"""The part of a daemon that speaks to Kling, over a real store and a real socket, moved step by step by a test."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from fakes.reports import make_report

from kling_daemon.bus import Bus
from kling_daemon.jobs import Job, JobState
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.tokens import KeyPair, SignedTokens
from kling_daemon.poller import HintFollower, Losses, Poller, Reconciler
from kling_daemon.polling import PollPolicy
from kling_daemon.reports import Report
from kling_daemon.store import HintWeight, News, RawCallback, Store
from kling_daemon.submission import Intake, Spool, Submitter
from kling_daemon.telemetry import Metrics
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import AccountProof, Capabilities, KlingHealth, NoticeBoard, Tracker

CALLBACK_URL = "https://daemon.example/webhooks/kling"


@dataclass
class Asking:
    """What a test has at hand."""

    store: Store
    bus: Bus
    clock: ManualClock
    client: KlingClient
    board: NoticeBoard
    proof: AccountProof
    directory: Path
    requests: Counter[str] = field(default_factory=Counter)
    polls: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    tracker: Tracker = field(init=False)
    health: KlingHealth = field(init=False)
    spool: Spool = field(init=False)

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.store, self.bus, Metrics(version="test"))
        self.health = KlingHealth(self.board, self.clock)
        self.spool = Spool(self.directory / "spool")

    def poller(self, *, adopt: bool = True, hint_queries_per_minute: float = 6.0) -> Poller:
        losses = Losses(
            store=self.store,
            tracker=self.tracker,
            client=self.client,
            board=self.board,
            proof=self.proof,
            clock=self.clock,
            grace=timedelta(minutes=10),
        )
        hints = HintFollower(
            store=self.store,
            tracker=self.tracker,
            client=self.client,
            health=self.health,
            clock=self.clock,
            adopt=adopt,
            queries_per_minute=hint_queries_per_minute,
        )
        return Poller(
            store=self.store,
            tracker=self.tracker,
            client=self.client,
            health=self.health,
            clock=self.clock,
            counters=_Polls(self.polls),
            hints=hints,
            losses=losses,
        )

    def reconciler(self, *, adopt_all: bool = False) -> Reconciler:
        return Reconciler(
            proof=self.proof,
            store=self.store,
            tracker=self.tracker,
            client=self.client,
            health=self.health,
            clock=self.clock,
            counters=_Found(self.found),
            adopt_all=adopt_all,
        )

    def submitter(self) -> Submitter:
        return Submitter(
            proof=self.proof,
            store=self.store,
            tracker=self.tracker,
            client=self.client,
            health=self.health,
            spool=self.spool,
            clock=self.clock,
        )

    def intake(self, *, callback_url: str | None = CALLBACK_URL, **given: Any) -> Intake:
        return Intake(
            store=self.store,
            tracker=self.tracker,
            spool=self.spool,
            capabilities=Capabilities(b"k" * 32),
            clock=self.clock,
            callback_url=callback_url,
            on_accepted=lambda: None,
            **given,
        )

    async def send(self, submitter: Submitter | None = None) -> None:
        """Let the submitter take one step, and what it sends come to its end."""
        async with asyncio.TaskGroup() as creates:
            await (submitter or self.submitter()).step(creates)

    async def called_back(self, task_id: str, state: JobState | None = JobState.PROCESSING, **more: Any) -> Job:
        """Let a believed callback about a task come, known or not."""
        recorded = await self.tracker.record(News(report=self.report(task_id, state, **more), adopt=True))
        assert recorded.job is not None
        return recorded.job

    def report(self, task_id: str | None, state: JobState | None, **more: Any) -> Report:
        return make_report(task_id, state, **{"received_at": self.clock.now(), **more})

    async def hinted(self, *task_ids: str) -> None:
        """Let unproved callbacks come on the plain path."""
        await self.tracker.record_all([News(hint=HintWeight.NONE, hinted_task_id=task_id) for task_id in task_ids])

    async def prompted(self, job: Job) -> None:
        """Let an unsigned callback come that bears the job's capability."""
        raw = RawCallback(
            webhook_id="", body=b"{}", headers=b"", verdict="hint", secret=None, received_at=self.clock.now()
        )
        await self.tracker.record(News(callback=raw, hint=HintWeight.JOB, job_id=job.id))

    async def job(self, reference: str) -> Job:
        job = await self.store.read.job(reference)
        assert job is not None, reference
        return job

    async def due_in(self) -> timedelta | None:
        """Return how long it is until the next poll falls due."""
        due = await self.store.due.next_poll_due()
        return None if due is None else due - self.clock.now()

    async def notices(self) -> list[str]:
        return [notice.kind.value for notice in await self.store.read.open_notices()]


@dataclass
class _Polls:
    counted: Counter[str]

    def polls(self, outcome: str, count: int = 1) -> None:
        self.counted[outcome] += count


@dataclass
class _Found:
    counted: Counter[str]

    def reconciled(self, outcome: str) -> None:
        self.counted[outcome] += 1

    def found_on_lists(self, what: str, count: int) -> None:
        self.counted[what] += count


@asynccontextmanager
async def asking(
    directory: Path, url: str, *, clock: ManualClock | None = None, policy: PollPolicy | None = None,
    client: Mapping[str, Any] | None = None, key: str = "simulator", key_pair: bool = False,
) -> AsyncIterator[Asking]:  # fmt: skip
    """Open store and client; the same directory again is the daemon started again. Jitter is the same in each run.

    key_pair: the account has an access key and a secret key, and no API key.
    """
    clock, requests = clock or ManualClock(), Counter[str]()

    def count(verb: str, _outcome: str) -> None:
        requests[verb] += 1

    settings: dict[str, Any] = {"read_attempts": 1, "max_requests_per_second": 10_000, "timeout": timedelta(seconds=60)}
    pair = KeyPair(access_key="simulator", secret_key="simulator")
    credential = SignedTokens(pair, clock) if key_pair else ApiKey(key=key)
    failure: Exception | None = None
    async with (
        Store.open(directory, clock=clock, policy=policy, random=Random(1)) as store,  # noqa: S311 - it spreads polls
        KlingClient(url, credential, clock=clock, on_request=count, **{**settings, **(client or {})}) as kling,
    ):
        await store.note_start()
        try:
            bus = Bus()
            board = NoticeBoard(store, bus, clock)
            proof = await AccountProof.open(store, kling, board, clock)
            yield Asking(
                store=store,
                bus=bus,
                clock=clock,
                client=kling,
                board=board,
                proof=proof,
                directory=directory,
                requests=requests,
            )
        except Exception as error:  # noqa: BLE001 - raised again below; through the store's group it would be wrapped
            failure = error
    if failure is not None:
        raise failure
