"""The stop campaign: SIGTERM in every phase ends the daemon within its limit, and no attempt is spent by it."""

import asyncio
import json
import random
import shutil
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from kling_daemon.prove.evidence import Evidence, gather
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Placing
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.phases import PHASES, WITNESS, Phase, Stage, starting
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.programs import Program
from kling_daemon.prove.promises import broken
from kling_daemon.prove.rest import at_rest
from kling_daemon.prove.silence import Silence

NAME = "stop"

KLING = (
    "--submitted=20ms-200ms", "--processing=100ms-400ms", "--duplicate=0.3", "--no-sign-legacy",
    "--retries=8", "--retry-after=100ms",
)  # fmt: skip
LIMIT = timedelta(seconds=5)
"""The daemon's `service.stop_timeout`."""
_GRACE = timedelta(seconds=1)
"""What a busy machine may add to it."""
_JITTER = 0.05
_REACHED = timedelta(seconds=60)
_REST = timedelta(seconds=60)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One stop."""

    phase: str
    took: timedelta
    findings: tuple[str, ...]


async def stop(plan: Plan) -> Outcome:
    """Stop a daemon in each phase, several times in the long form, start it again, and check everything."""
    rounds, starts = (1, 4) if plan.short else (8, 60)
    phases = [starting(number / starts) for number in range(starts)] + [*PHASES] * rounds
    trials: list[Trial] = []
    waiting = iter(enumerate(phases))

    async def work() -> None:
        for number, phase in waiting:
            dice, folder = plan.dice(NAME, number), plan.folder(f"{NAME}-{number}")
            trials.append(trial := await _try(phase, folder, dice))
            if not trial.findings:
                shutil.rmtree(folder)

    async with asyncio.TaskGroup() as tasks:
        for number in range(_AT_ONCE):
            tasks.create_task(work(), name=f"stop {number}")
    findings = [f"{trial.phase}: {finding}" for trial in trials for finding in trial.findings]
    longest = max(trials, key=lambda trial: trial.took)
    line = (
        f"{len(trials)} stops in {len({trial.phase for trial in trials})} phases with a limit of "
        f"{LIMIT.total_seconds():g} s, of which the longest took {longest.took.total_seconds():.1f} s ({longest.phase})"
    )
    held = "" if findings else ", and no attempt was spent"
    return concluded(NAME, f"{line}{held} (seed {plan.seed})", findings)


async def _try(phase: Phase, folder: Path, dice: random.Random) -> Trial:
    """Bring a daemon into the phase, stop it, start it again, let all come to rest, and check everything."""
    async with (
        Silence.listening() as silence,
        SimulatedKling.running(folder, seed=dice.randrange(2**31), options=KLING) as kling,
        PrivateDaemon.living_in(
            folder,
            kling_url=silence.url if phase.silent else kling.url,
            witnesses=[phase.witness],
            stop_timeout=LIMIT,
        ) as daemon,
        AsyncExitStack() as held,
        asyncio.TaskGroup() as tasks,
    ):
        placing = Placing(phase.orders, daemon, kling)
        placing.allow(len(phase.orders))
        placed = tasks.create_task(placing.run(), name="placing orders")
        program = await daemon.start()
        stage = Stage(daemon=daemon, program=program, kling=kling, silence=silence, held=held, tasks=tasks)
        async with asyncio.timeout(_REACHED.total_seconds()):
            await phase.reach(stage)
        await asyncio.sleep(dice.random() * _JITTER)
        took, findings = await _stop(phase, program)
        daemon.configure(kling_url=kling.url, witnesses=[WITNESS], stop_timeout=LIMIT)
        again = await daemon.start()
        if not await daemon.ready(again):
            findings.append("the next run did not become ready")
        else:
            await placed
            async with daemon.client() as client:
                restless = await at_rest(client, kling, _REST)
            findings += [restless] if restless is not None else []
            findings += _broken(phase, await gather(phase.orders, daemon, kling))
        placed.cancel()
        if (status := await again.stop()) != 0:
            findings.append(f"the next run ended with status {status}")
    return Trial(phase=phase.name, took=took, findings=tuple(findings))


async def _stop(phase: Phase, program: Program) -> tuple[timedelta, list[str]]:
    """Ask for the stop; return how long it took, and what was wrong with the end."""
    if program.status is not None:
        return timedelta(), [f"it ended with status {program.status} before it was asked to"]
    loop = asyncio.get_running_loop()
    began = loop.time()
    program.send(phase.signal)
    status = await program.ended(LIMIT * 3)
    took = timedelta(seconds=loop.time() - began)
    await program.kill()
    findings = []
    if took > LIMIT + _GRACE:
        findings.append(f"it took {took.total_seconds():.1f} s to end")
    if status is not None and status not in phase.statuses:
        findings.append(f"it ended with status {status}")
    return took, findings


def _broken(phase: Phase, evidence: Evidence) -> list[str]:
    """Return which promises broke, those about attempts included."""
    complaints = [line for line in evidence.complaints if not _is_excused(line, phase)]
    findings = broken(replace(evidence, complaints=complaints))
    for witness, sightings in evidence.sightings.items():
        most = max((sighting.attempt for sighting in sightings), default=1)
        if most > phase.attempts:
            findings.append(f"{witness} was called for the {most}th time with an event: the stop spent an attempt")
        given = Counter(sighting.event_id for sighting in sightings if not sighting.is_done)
        repeated = sum(count > 1 for count in given.values())
        if phase.given_once and repeated:
            findings.append(f"{witness} was called again with {repeated} events that it had been let finish")
    return findings


def _is_excused(line: str, phase: Phase) -> bool:
    try:
        return json.loads(line)["event"] in phase.excused
    except (ValueError, TypeError, KeyError):
        return False
