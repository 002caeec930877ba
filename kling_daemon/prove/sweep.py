"""The sweep: the daemon is killed as it begins its N-th write, sync or sending, for every N of a short run."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kling_daemon.prove import strace
from kling_daemon.prove.evidence import gather
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Order, Placing
from kling_daemon.prove.outcomes import Outcome, concluded, skipped
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.promises import broken
from kling_daemon.prove.rest import at_rest
from kling_daemon.prove.strace import Kill
from kling_daemon.prove.traces import calls
from kling_daemon.prove.witness import FOLLOWED, Conduct
from kling_daemon.prove.witnesses import WitnessSetting

NAME = "sweep"

KLING = (
    "--submitted=50ms", "--processing=150ms", "--duplicate=0.5", "--reorder=0.3", "--no-sign-legacy",
    "--retries=8", "--retry-after=100ms",
)  # fmt: skip
WITNESSES = (WitnessSetting(name="swift", conduct=Conduct.SUBMITTING), WitnessSetting(name="threaded", in_thread=True))

_DATABASE = ("pwrite64", "fdatasync", "ftruncate")
"""What changes the database's files or makes a change last."""
_FILES = ("fsync", "rename", "link", "unlink")
"""What makes other files: the token, the key of the capabilities, spooled bodies."""
_WIRE = ("sendto", "sendmsg")
"""What others, and the daemon's own threads, come to see of it."""
_TRACE = "strace"
_AT_ONCE = 4
_SHORT = 24
"""How many moments a short sweep takes, evenly from all."""
_ENOUGH = 10
"""After so many failures there is something to mend, and no need to go on."""
_REACHED = 0.75
"""The least share of runs that must come to their moment: no two runs make exactly the same calls."""
_REST = timedelta(seconds=60)
_STOP = timedelta(seconds=30)
_KILLED = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A life that ends at a certain moment, and what was found after the next one."""

    point: Kill | None
    """None for a life that was let end by itself."""
    hit: bool
    """It was killed at its moment; else it ended before it came to it."""
    findings: tuple[str, ...]


async def sweep(plan: Plan) -> Outcome:
    """Count the calls of a run that is not killed, then have a run killed at each of them."""
    if (reason := strace.obstacle()) is not None:
        return skipped(NAME, reason)
    counting = plan.folder(f"{NAME}-counting")
    counted = await _try(plan, counting, None)
    if counted.findings:
        return concluded(NAME, f"nothing was tried, see {counting}", list(counted.findings))
    points = _points(counting)
    if plan.short:
        step = max(len(points) // _SHORT, 1)
        points = points[plan.seed % step :: step]
    trials = await _try_all(plan, points)
    findings = [f"killed at {trial.point}: {finding}" for trial in trials for finding in trial.findings]
    if sum(trial.hit for trial in trials) < len(trials) * _REACHED:
        findings.append("too few runs were killed at their moment: this proves little")
    hits = Counter(_kind(trial.point) for trial in trials if trial.hit)
    line = (
        f"killed at {hits['database']} writes and syncs of the database, {hits['file']} of other files, and "
        f"{hits['wire']} times as something was sent; {len(trials) - hits.total()} runs ended before their moment"
    )
    return concluded(NAME, f"{line} (seed {plan.seed})", findings)


def _kind(point: Kill | None) -> str:
    if point is None or point.of_database:
        return "database"
    return "wire" if point.call in _WIRE else "file"


def _points(folder: Path) -> list[Kill]:
    """Return every moment at which the counted run could have been killed; strace counts each thread's calls."""
    counts: Counter[tuple[bool, str, int]] = Counter()
    with (folder / _TRACE).open(encoding="utf-8", errors="replace") as lines:
        for call in calls(lines):
            if call.name in _DATABASE:
                counts[True, call.name, call.thread] += 1
            else:
                counts[False, call.name, call.thread] += 1
    most: dict[tuple[bool, str], int] = {}
    for (of_database, name, _), count in counts.items():
        most[of_database, name] = max(count, most.get((of_database, name), 0))
    return [
        Kill(call=name, number=number, of_database=of_database)
        for (of_database, name), count in sorted(most.items())
        for number in range(1, count + 1)
    ]


async def _try_all(plan: Plan, points: Sequence[Kill]) -> list[Trial]:
    """Try every point, a few at a time, unless too much breaks; what a sound trial left behind is removed."""
    trials: list[Trial] = []
    waiting = iter(enumerate(points, start=1))

    async def work() -> None:
        for number, point in waiting:
            if sum(bool(trial.findings) for trial in trials) >= _ENOUGH:
                return
            folder = plan.folder(f"{NAME}-{number}")
            trials.append(trial := await _try(plan, folder, point))
            if not trial.findings:
                shutil.rmtree(folder)
            if len(trials) % 100 == 0:
                plan.say(f"{NAME}: {len(trials)} of {len(points)} moments")

    async with asyncio.TaskGroup() as tasks:
        for number in range(_AT_ONCE):
            tasks.create_task(work(), name=f"sweep {number}")
    return trials


async def _try(plan: Plan, folder: Path, point: Kill | None) -> Trial:
    """Run a daemon under strace from its first start to its stop or its death, then once more, and check everything."""
    wanted = _orders(folder.name)
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=KLING) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=WITNESSES) as daemon,
    ):
        record = strace.recording(folder / _TRACE, (*_DATABASE, *_FILES, *_WIRE), kill=point, database=daemon.database)
        placing = Placing(wanted, daemon, kling)
        placing.allow(len(wanted))
        async with asyncio.TaskGroup() as tasks:
            placed = tasks.create_task(placing.run(), name="placing orders")
            status, restless = await _live(daemon, kling, placed, record)
            hit = point is not None and status == _KILLED
            findings = [] if hit else _complaints("first", status, restless)
            if hit:
                status, restless = await _live(daemon, kling, placed, ())
                findings = _complaints("second", status, restless)
            placed.cancel()
        if not findings:
            findings = broken(await gather(wanted, daemon, kling))
    return Trial(point=point, hit=hit, findings=tuple(findings))


async def _live(
    daemon: PrivateDaemon, kling: SimulatedKling, placed: asyncio.Task[None], tracer: Sequence[str]
) -> tuple[int | None, str | None]:
    """Run the daemon until all is done, then stop it; return its status, and what was not done."""
    program = await daemon.start(tracer)
    restless: str | None = "it did not become ready"
    if await daemon.ready(program):
        async with asyncio.TaskGroup() as tasks:
            ended = tasks.create_task(program.ended(_REST), name="watching the daemon")
            await asyncio.wait([placed, ended], return_when=asyncio.FIRST_COMPLETED)
            if program.status is None:
                async with daemon.client() as client:
                    restless = await at_rest(client, kling, _REST)
            ended.cancel()
    return await program.stop(_STOP), restless


def _complaints(life: str, status: int | None, restless: str | None) -> list[str]:
    findings = [] if restless is None else [f"the {life} run: {restless}"]
    return findings if status == 0 else [*findings, f"the {life} run ended with status {status}"]


def _orders(name: str) -> list[Order]:
    """Return one job for each way in: signed, by capability, by the plain path; the first has a follow-up."""
    prompt = {"prompt": "a lighthouse"}
    return [
        Order(path="/text-to-video/kling-3.0", body=prompt, external_id=f"{name}{FOLLOWED}", through_daemon=True),
        Order(path="/v1/images/generations", body=prompt, external_id=f"{name}-hinted", through_daemon=True),
        Order(path="/v1/videos/text2video", body=prompt, external_id=f"{name}-plain", through_daemon=False),
    ]
