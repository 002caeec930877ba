"""The course of a demo: jobs are submitted and followed to their ends, then all that can be known is held together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from kling_daemon.client import Daemon
from kling_daemon.client.models import DeliveryModel, StatsModel
from kling_daemon.demo.collecting import saved_files, stored_events
from kling_daemon.demo.counters import Counters
from kling_daemon.demo.evidence import Evidence
from kling_daemon.demo.journal import read_journal
from kling_daemon.demo.kling import KlingNumbers
from kling_daemon.demo.progress import Progress
from kling_daemon.demo.scenario import Order, Scenario
from kling_daemon.demo.stage import DAEMON, SIMULATOR, Stage, on_stage, reason_in
from kling_daemon.demo.verdict import findings
from kling_daemon.demo.workspace import Workspace

_GLANCE = timedelta(milliseconds=250)
"""The pause between two looks at both sides."""
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a demo came to."""

    evidence: Evidence
    kling: KlingNumbers
    stats: StatsModel
    counters: Counters
    elapsed: timedelta
    """From the first submission until nothing was open any more."""
    findings: tuple[str, ...]
    """What broke, a sentence each; nothing when every promise was kept."""


async def demonstrate(
    scenario: Scenario,
    workspace: Workspace,
    *,
    begun: Callable[[Stage], None],
    seen: Callable[[Progress], None],
) -> Outcome:
    """Carry a demo through; both programs have ended when this returns or raises, cancelled or not.

    begun: told once when both programs run. seen: told several times a second how far it has come. Raises DemoError
    when a program cannot start, ends by itself or does not answer.
    """
    try:
        async with on_stage(scenario, workspace) as stage:
            begun(stage)
            return await _Course(scenario, workspace, stage, seen).run()
    except BaseExceptionGroup as group:
        if (reason := reason_in(group)) is not None:
            raise reason from None
        raise


class _Course:
    """One demo, once both programs run."""

    def __init__(
        self, scenario: Scenario, workspace: Workspace, stage: Stage, seen: Callable[[Progress], None]
    ) -> None:
        self._scenario = scenario
        self._workspace = workspace
        self._stage = stage
        self._seen = seen
        self._began = asyncio.get_running_loop().time()

    async def run(self) -> Outcome:
        """Submit, follow, stop and judge."""
        stage = self._stage
        async with Daemon(stage.target) as daemon:
            async with stage.daemon.answering():
                # One after the other, as a person's script would, so that Kling gets them about in this order.
                ordered = [await _submit(daemon, order) for order in self._scenario.orders()]
            last = await self.step(daemon)
            while not last.is_over and last.elapsed < self._scenario.patience:
                await asyncio.sleep(_GLANCE.total_seconds())
                last = await self.step(daemon)
            async with stage.daemon.answering():
                deliveries = await _deliveries(daemon)
                counters = Counters.from_text(await daemon.metrics())
        async with stage.simulator.answering():
            tasks = await stage.kling.tasks()
        exits = ((DAEMON, await stage.daemon.stop()), (SIMULATOR, await stage.simulator.stop()))
        evidence = Evidence(
            ordered=tuple(ordered),
            failing=self._scenario.failing,
            tasks=tasks,
            answers=last.kling.answers,
            jobs=last.jobs,
            events=await stored_events(self._workspace.state),
            deliveries=deliveries,
            heard=read_journal(self._workspace.journal),
            saved=await saved_files(deliveries, self._workspace.downloads),
            exits=exits,
        )
        return Outcome(
            evidence=evidence,
            kling=last.kling,
            stats=last.stats,
            counters=counters,
            elapsed=last.elapsed,
            findings=findings(evidence),
        )

    async def step(self, daemon: Daemon) -> Progress:
        """Look at both sides once, and tell."""
        async with self._stage.simulator.answering():
            kling = await self._stage.kling.numbers()
        async with self._stage.daemon.answering():
            # Jobs before deliveries: those of an end are there as soon as the end is.
            jobs = (await daemon.jobs(limit=_PAGE)).items
            stats = await daemon.stats()
        elapsed = timedelta(seconds=asyncio.get_running_loop().time() - self._began)
        progress = Progress(
            elapsed=elapsed, wanted=self._scenario.jobs, jobs=tuple(reversed(jobs)), stats=stats, kling=kling
        )
        self._seen(progress)
        return progress


async def _submit(daemon: Daemon, order: Order) -> str:
    job = await daemon.submit(order.endpoint, order.body, tags={"shot": str(order.shot)})
    return job.id


async def _deliveries(daemon: Daemon) -> tuple[DeliveryModel, ...]:
    """Return all deliveries, the latest first."""
    page = await daemon.deliveries(limit=_PAGE)
    found = list(page.items)
    while page.next is not None:
        page = await daemon.deliveries(limit=_PAGE, cursor=page.next)
        found += page.items
    return tuple(found)
