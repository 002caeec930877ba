"""The part of the daemon that speaks to Kling, for one account: creates, polls and what watches over both."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import stamina

from kling_daemon.app.looping import Loop
from kling_daemon.app.parts import Parts
from kling_daemon.app.secrets import kling_credential
from kling_daemon.app.watching import Watching
from kling_daemon.config import Settings
from kling_daemon.jobs import Generation, Job
from kling_daemon.kling.client import NEEDS_API_KEY, KlingClient
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.reads import tell_of_retry
from kling_daemon.poller import (
    HintFollower,
    Losses,
    Named,
    NamedTask,
    NamedTasks,
    Poller,
    Reconciler,
    Reconciliation,
    Series,
)
from kling_daemon.submission import Canceller, Intake, Spool, SubmitRefusedError, Submitter
from kling_daemon.tracking import AccountProof, KlingHealth

_PROOF_LOOK = timedelta(minutes=1)
"""How often it is looked whether Kling should be asked again for the proof that the key is the right one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What there is to do with a Kling account; without a key nothing is asked and nothing can be submitted."""

    loops: Mapping[str, Loop]
    intake: Intake | None
    canceller: Canceller
    track: Callable[[Sequence[NamedTask]], Awaitable[list[Named]]] | None = None
    """Tracks tasks that somebody names; None without a key."""
    opens_new_generation: bool = True
    """False with access key and secret key alone."""
    reconciliation: Callable[[], Reconciliation | None] = lambda: None
    """What came of the last look at Kling's lists, if there was one."""
    ask_about_hints: Callable[[float], None] = lambda _per_minute: None
    """Changes how often Kling is asked about hints."""
    series: Callable[[str], Series | None] = lambda _job_id: None
    """How often in a row Kling has not known a job, if it has not."""

    async def submit(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str] | None,
        external_id: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Store the intent to create a job, as `Intake.accept` does, unless our credential is not good for it."""
        intake = self._intake_for(path)
        return await intake.accept(path, body, tags=tags, external_id=external_id, job_id=job_id)

    async def check(self, path: str, body: Mapping[str, Any], *, external_id: str | None, job_id: str | None) -> None:
        """Raise SubmitRefusedError where `submit` would now; nothing is stored."""
        await self._intake_for(path).check(path, body, external_id=external_id, job_id=job_id)

    def _intake_for(self, path: str) -> Intake:
        if self.intake is None:
            raise SubmitRefusedError("no Kling API key is configured; set kling.api_key or KLING_API_KEY")
        if not self.opens_new_generation and endpoint_of(path).generation is Generation.NEW:
            raise SubmitRefusedError(f"{NEEDS_API_KEY}; set kling.api_key or KLING_API_KEY, or use such a path")
        return self.intake


@asynccontextmanager
async def open_account(settings: Settings, parts: Parts) -> AsyncIterator[Account]:
    """Open the connections to Kling, which are made when they are needed; starting never waits for Kling."""
    credential = kling_credential(settings, parts.clock)
    if credential is None:
        canceller = Canceller(store=parts.store, tracker=parts.tracker, clock=parts.clock)
        yield Account(loops={}, intake=None, canceller=canceller)
        return
    stamina.instrumentation.set_on_retry_hooks([tell_of_retry])
    async with KlingClient(
        settings.kling.base_url,
        credential,
        clock=parts.clock,
        timeout=settings.kling.timeout,
        max_requests_per_second=settings.kling.max_requests_per_second,
        on_request=parts.metrics.kling_request,
    ) as client:
        yield await _account(settings, parts, client)


async def _account(settings: Settings, parts: Parts, client: KlingClient) -> Account:
    spool = Spool(settings.store.directory / "spool")
    health = KlingHealth(parts.board, parts.clock)
    public_url = settings.receiver.public_url
    proof = await AccountProof.open(parts.store, client, parts.board, parts.clock)
    submitter = Submitter(
        store=parts.store,
        tracker=parts.tracker,
        client=client,
        health=health,
        proof=proof,
        spool=spool,
        clock=parts.clock,
    )
    # Before anything can arrive: what a crash left half written is told from what is being written by that alone.
    await submitter.sweep()
    intake = Intake(
        store=parts.store,
        tracker=parts.tracker,
        spool=spool,
        capabilities=parts.capabilities,
        clock=parts.clock,
        callback_url=f"{public_url}{settings.receiver.path}" if public_url is not None else None,
        on_accepted=submitter.wake,
        require_room=parts.reserve.require,
    )
    losses = Losses(
        store=parts.store,
        tracker=parts.tracker,
        client=client,
        board=parts.board,
        proof=proof,
        clock=parts.clock,
        grace=settings.poller.unknown_grace,
    )
    hints = HintFollower(
        store=parts.store,
        tracker=parts.tracker,
        client=client,
        health=health,
        clock=parts.clock,
        adopt=settings.trust.adopt != "none",
        queries_per_minute=settings.trust.hint_queries_per_minute,
    )
    poller = Poller(
        store=parts.store,
        tracker=parts.tracker,
        client=client,
        health=health,
        clock=parts.clock,
        counters=parts.metrics,
        hints=hints,
        losses=losses,
    )
    reconciler = Reconciler(
        store=parts.store,
        tracker=parts.tracker,
        client=client,
        health=health,
        clock=parts.clock,
        counters=parts.metrics,
        proof=proof,
        adopt_all=settings.trust.adopt == "all",
    )
    return Account(
        loops={
            "submitter": submitter,
            "poller": poller,
            "reconciler": reconciler,
            "account proof": Watching(proof.look, every=_PROOF_LOOK),
        },
        intake=intake,
        canceller=Canceller(
            store=parts.store, tracker=parts.tracker, clock=parts.clock, on_cancelled=submitter.note_cancelled
        ),
        track=NamedTasks(
            store=parts.store, tracker=parts.tracker, client=client, health=health, clock=parts.clock
        ).track,
        opens_new_generation=client.opens_new_generation,
        reconciliation=lambda: reconciler.last,
        ask_about_hints=hints.ask,
        series=losses.series,
    )
