"""The forgery campaign: forged callbacks by the thousand among true ones, and the true ones alone change anything."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kling_daemon.prove.attack import Attack, Flood, left_behind
from kling_daemon.prove.evidence import gather
from kling_daemon.prove.facts import until
from kling_daemon.prove.forgeries import Forger, Victim
from kling_daemon.prove.forgery_checks import believed, kept, replays_counted, unheard, wrong_answers
from kling_daemon.prove.kling import SECRET, SimulatedKling
from kling_daemon.prove.orders import Order, Placing
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import CALLBACK_PATH, PrivateDaemon
from kling_daemon.prove.promises import broken
from kling_daemon.prove.rest import at_rest
from kling_daemon.prove.witnesses import WitnessSetting
from kling_daemon.standard_webhooks import HEADER_ID, Secret
from kling_daemon.tracking import Capabilities, load_capability_keys

NAME = "forgery"

WITNESSES = (WitnessSetting(name="swift"),)
HINT_QUERIES_PER_MINUTE = 6
CALLED_BACK: Mapping[str, Mapping[str, Any]] = {
    "trust": {"hint_queries_per_minute": HINT_QUERIES_PER_MINUTE},
    "poller": {"fallback_after": "5m", "interval": "15s", "max_interval": "5m"},
    "kling": {"timeout": "30s"},
}
"""The defaults: a job whose callbacks come is not polled, so every question to Kling follows from a forged one."""

_PATIENT = "--callback-timeout=60s"
"""A slow machine is no finding."""
_VICTIMS = 20
_OF_CAPABILITY = 8
"""How often Kling may be asked because of the one capability that the forger has: three times while its job is in each
state, and after pauses."""
_MOST_ROWS = 21
"""How many forged callbacks may be kept: twenty of the job whose capability the forger has, and the one that he has
overheard, which is true."""
_BYTES_EACH = 128
"""By how much a forged callback may make the database grow, on average."""
_REST = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done."""

    jobs: int
    """Kling sends three callbacks of each."""
    flood: Flood
    kling: tuple[str, ...]
    """How long its jobs take: true callbacks come while the forged ones do, and the job whose capability the forger has
    is open; what is said about one that has ended costs no question, and would prove nothing."""


SHORT = Scale(jobs=134, flood=Flood(forged=2_000, per_second=250), kling=("--submitted=1s-2s", "--processing=4s-8s"))
LONG = Scale(jobs=667, flood=Flood(forged=10_000, per_second=500), kling=("--submitted=1s-4s", "--processing=6s-15s"))


async def forgery(plan: Plan, scale: Scale | None = None) -> Outcome:
    """Post forged callbacks while true ones come, check that these alone counted, and see what the others left."""
    scale = scale or (SHORT if plan.short else LONG)
    folder, flood = plan.folder(NAME), scale.flood
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=(_PATIENT, *scale.kling)) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=WITNESSES, more=CALLED_BACK) as daemon,
    ):
        program = await daemon.start()
        if not await daemon.ready(program):
            return concluded(NAME, f"see {daemon.log}", [f"not ready; its status is {program.status}"])
        wanted = _orders(scale.jobs)
        placing = Placing(wanted, daemon, kling)
        async with asyncio.TaskGroup() as tasks:
            placed = tasks.create_task(placing.run(), name="placing orders")
            placing.allow(_VICTIMS)
            forger = _forger(daemon, await _victims(daemon), plan)
            attack = await Attack.begin(daemon, kling, forger, flood)
            placing.allow(scale.jobs - _VICTIMS)
            answers = await attack.ended()
            await placed
        async with daemon.client() as client:
            restless = await at_rest(client, kling, _REST, with_hints=True)
            hints = (await client.stats()).hints
        asked, allowed = await attack.queries(), int(HINT_QUERIES_PER_MINUTE * attack.minutes()) + 1 + _OF_CAPABILITY
        evidence = await gather(wanted, daemon, kling)
        findings = broken(evidence) if restless is None else [restless]
        findings += [*wrong_answers(answers, flood.forged), *believed(evidence)]
        findings += replays_counted(evidence, forger.overheard.headers[HEADER_ID], answers)
        findings += unheard(evidence, await kling.callbacks())
        left = await left_behind(daemon, program, kling, forger, flood)
    if asked > allowed:
        findings.append(f"Kling was asked {asked} times because of them, and {allowed} are allowed")
    if (rows := kept(evidence)) > _MOST_ROWS:
        findings.append(f"{rows} callbacks are kept that Kling has not sent, and {_MOST_ROWS} are allowed")
    if left.bytes > _BYTES_EACH * flood.forged:
        findings.append(f"{flood.forged} forged callbacks made the database grow by {left.bytes} bytes")
    line = (
        f"{flood.forged} forged callbacks at {flood.per_second:g}/s among {len(evidence.answers)} true ones of "
        f"{scale.jobs} jobs: Kling was asked {asked} times of {allowed} allowed, {hints} hints wait, {rows} callbacks "
        f"are kept; as many once more, alone, left {left.callbacks} callbacks and {left.bytes / 1024:.0f} KiB"
    )
    return concluded(NAME, f"{line} (seed {plan.seed})", findings)


def _orders(count: int) -> list[Order]:
    """Return orders of both generations; the forger comes to know the first ones, which are the daemon's own."""
    paths = ("/text-to-video/kling-3.0", "/v1/videos/text2video")
    orders = [
        Order(
            path=paths[number % 2],
            body={"prompt": f"order {number}"},
            external_id=f"order-{number}",
            through_daemon=number < _VICTIMS or number % 3 > 0,
        )
        for number in range(count)
    ]
    return [*orders[_VICTIMS:], *orders[:_VICTIMS]]  # they are placed from the end


async def _victims(daemon: PrivateDaemon) -> list[Victim]:
    """Return the first jobs, once Kling has taken them."""

    async def taken() -> list[Victim]:
        async with daemon.client() as client:
            jobs = (await client.jobs(limit=_VICTIMS)).items
        known = [Victim(job_id=job.id, task_id=job.task_id) for job in jobs if job.task_id is not None]
        return known if len(known) == _VICTIMS else []

    return await until(taken)


def _forger(daemon: PrivateDaemon, victims: list[Victim], plan: Plan) -> Forger:
    return Forger(
        path=CALLBACK_PATH,
        victims=victims,
        secret=Secret.parse("proof", SECRET),
        capabilities=Capabilities(load_capability_keys(daemon.state).current),
        dice=plan.dice(NAME, "forger"),
    )
