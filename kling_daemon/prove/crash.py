"""The crash campaign: `kill -9` at random moments while jobs run, then every promise is checked."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from kling_daemon.prove.evidence import Evidence, gather
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Placing, orders
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.promises import broken, follow_ups_due
from kling_daemon.prove.rest import at_rest
from kling_daemon.prove.tokens import Tokens, broken_tokens
from kling_daemon.prove.witness import Conduct
from kling_daemon.prove.witnesses import WitnessSetting

NAME, WITH_KEY_PAIR = "crash", "key-pair"

KLING = (
    "--submitted=100ms-1s", "--processing=200ms-4s", "--delay=0ms-300ms",
    "--duplicate=0.3", "--reorder=0.3", "--forge=0.1", "--no-sign-legacy",
    "--retries=8", "--retry-after=100ms", "--callback-timeout=3s",
    "--fail-moderation=0.05", "--fail-input=0.05", "--http-errors=0.03", "--ambiguous-creates=0.1", "--hang=1s",
)  # fmt: skip
"""A Kling at its worst that still tells everything in the end. Legacy callbacks are unsigned: hints, with and without
a capability."""

WITNESSES = (
    WitnessSetting(name="swift", takes=0.005),
    WitnessSetting(name="threaded", takes=0.02, in_thread=True),
    WitnessSetting(name="erratic", takes=0.01, conduct=Conduct.ERRATIC, depends_on=("swift",)),
    WitnessSetting(name="submitting", conduct=Conduct.SUBMITTING),
)

_WHILE_STARTING = 0.15
"""Share of the kills that come before the daemon is ready."""
_LONGEST_LIFE = timedelta(seconds=1.5)
"""How long the others let it run once it is ready."""
_REST = timedelta(minutes=2)
_STOP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done."""

    kills: int
    jobs: int


SHORT = Scale(kills=12, jobs=60)
LONG = Scale(kills=200, jobs=500)


async def crash(plan: Plan, scale: Scale | None = None) -> Outcome:
    """Kill the daemon again and again on the same state directory, let all come to rest, and check everything."""
    return await _crash(NAME, plan, scale or (SHORT if plan.short else LONG), key_pair=False)


async def crash_with_key_pair(plan: Plan, scale: Scale | None = None) -> Outcome:
    """Do the same with a daemon that has no API key, and so has the legacy API alone."""
    return await _crash(WITH_KEY_PAIR, plan, scale or (SHORT if plan.short else LONG), key_pair=True)


async def _crash(name: str, plan: Plan, scale: Scale, *, key_pair: bool) -> Outcome:
    dice, folder = plan.dice(name), plan.folder(name)
    wanted = orders(plan.dice(name, "orders"), scale.jobs, legacy=key_pair)
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=KLING) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=WITNESSES, key_pair=key_pair) as daemon,
    ):
        placing, tokens = Placing(wanted, daemon, kling), Tokens(daemon, plan.dice(name, "tokens"))
        async with asyncio.TaskGroup() as tasks:
            placed = tasks.create_task(placing.run(), name="placing orders")
            kept = tasks.create_task(tokens.run(), name="making tokens")
            findings, startup = [], timedelta(seconds=1)
            for number in range(scale.kills):
                placing.allow(scale.jobs * (number + 1) // scale.kills - scale.jobs * number // scale.kills)
                starting = number > 0 and dice.random() < _WHILE_STARTING
                life = dice.random() * (startup if starting else _LONGEST_LIFE)
                ended = await _live_and_die(daemon, life, starting=starting)
                if ended is not None:
                    findings.append(f"run {number + 1} ended by itself with status {ended}")
                if (number + 1) % 20 == 0:
                    plan.say(f"{name}: {number + 1} of {scale.kills} kills")
            last = await daemon.start()
            if not await daemon.ready(last):
                findings.append(f"the last run did not become ready; its status is {last.status}")
                placed.cancel()
            await asyncio.wait([placed])
            kept.cancel()
        if findings:
            await last.kill()
            return concluded(name, f"seed {plan.seed}, see {daemon.log}", findings)
        async with daemon.client() as client:
            restless = await at_rest(client, kling, _REST)
        findings += broken_tokens(tokens.made, await tokens.opening())
        evidence = await gather(wanted, daemon, kling)
        status = await last.stop(_STOP)
    if restless is not None:
        findings.append(restless)
    if status != 0:
        findings.append(f"the last run was asked to stop and ended with status {status}")
    findings += broken(evidence)
    return concluded(name, _line(scale, evidence, len(tokens.made), plan.seed), findings)


async def _live_and_die(daemon: PrivateDaemon, life: timedelta, *, starting: bool) -> int | None:
    """Let the daemon run for so long, from its start or from when it is ready; return its status if it ended before."""
    program = await daemon.start()
    if not starting:
        await daemon.ready(program)
    ended = await program.ended(life)
    await program.kill()
    return ended


def _line(scale: Scale, evidence: Evidence, tokens: int, seed: int) -> str:
    answered = len(evidence.answers)
    repeated = sum(sighting.attempt > 1 for sightings in evidence.sightings.values() for sighting in sightings)
    return (
        f"{scale.kills} kills, {len(evidence.orders)} orders and {follow_ups_due(evidence)} follow-ups, "
        f"{tokens:,} tokens, {answered:,} callbacks answered, "
        f"{len(evidence.events):,} events, {len(evidence.deliveries):,} deliveries, "
        f"{repeated:,} repeated attempts (seed {seed})"
    )
