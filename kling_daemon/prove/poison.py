"""The poison campaign: a delivery that ends the process whenever it is tried ends dead, and takes no other along.

Nor does it cost another one more than two attempts: from then on the two are not tried at the same time.
"""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

from kling_daemon.deliveries import DeliveryState
from kling_daemon.events import EventType
from kling_daemon.prove.evidence import Evidence, gather
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Order, Placing, orders
from kling_daemon.prove.outcomes import Outcome, concluded
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.promises import broken
from kling_daemon.prove.rest import at_rest
from kling_daemon.prove.witness import LETHAL, Conduct
from kling_daemon.prove.witnesses import WitnessSetting

NAME = "poison"

KLING = ("--submitted=50ms-1s", "--processing=100ms-3s", "--retries=8", "--retry-after=100ms")
ATTEMPTS = 6
"""What each delivery has, the lethal one and all others."""
_MOST_LOST = 2
_LETHAL = WitnessSetting(name="lethal", conduct=Conduct.LETHAL, max_attempts=ATTEMPTS)
WITNESSES = (
    _LETHAL,
    WitnessSetting(name="slow", takes=0.3, max_attempts=ATTEMPTS),
    WitnessSetting(name="threaded", takes=0.3, in_thread=True, max_attempts=ATTEMPTS),
)

_REST = timedelta(minutes=2)
_PATIENCE = timedelta(minutes=5)
_KILLED = -9


async def poison(plan: Plan) -> Outcome:
    """Run jobs of which one is lethal to a handler, start the daemon again whenever it dies, and check everything."""
    dice, folder = plan.dice(NAME), plan.folder(NAME)
    count = 20 if plan.short else 200
    fatal = Order(path="/text-to-video/kling-3.0", body={"prompt": "x"}, external_id=f"x{LETHAL}", through_daemon=True)
    wanted = orders(dice, count)
    wanted.insert(count // 2, fatal)
    async with (
        SimulatedKling.running(folder, seed=plan.seed, options=KLING) as kling,
        PrivateDaemon.living_in(folder, kling_url=kling.url, witnesses=WITNESSES) as daemon,
        asyncio.timeout(_PATIENCE.total_seconds()),
        asyncio.TaskGroup() as tasks,
    ):
        placing = Placing(wanted, daemon, kling)
        placing.allow(len(wanted))
        placed = tasks.create_task(placing.run(), name="placing orders")
        statuses: list[int | None] = []
        while not statuses or statuses[-1] == _KILLED:
            statuses.append(await _live(daemon, kling, placed))
        evidence = await gather(wanted, daemon, kling)
    findings = _findings(evidence)
    if statuses[-1] != 0:
        findings.append(f"the last run ended with status {statuses[-1]}")
    deaths = statuses.count(_KILLED)
    line = f"{deaths} deaths by one delivery, {len(evidence.deliveries) - 1:,} others beside it (seed {plan.seed})"
    return concluded(NAME, line, findings)


async def _live(daemon: PrivateDaemon, kling: SimulatedKling, placed: asyncio.Task[None]) -> int | None:
    """Run the daemon until it dies, or until all is done and it was stopped; return its status."""
    program = await daemon.start()
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(program.ended(_PATIENCE), name="watching the daemon")
        if await daemon.ready(program):
            await asyncio.wait([placed, ended], return_when=asyncio.FIRST_COMPLETED)
            if program.status is None:
                async with daemon.client() as client:
                    await at_rest(client, kling, _REST)
        ended.cancel()
    return await program.stop()


def _findings(evidence: Evidence) -> list[str]:
    """Return which promises broke, but for what must happen to the one delivery."""
    dead = [delivery for delivery in evidence.deliveries if delivery.state is DeliveryState.DEAD]
    lethal = {
        event.id for event in evidence.events if event.type is EventType.COMPLETED and _is_lethal(event.job.external_id)
    }
    deserved = [delivery for delivery in dead if delivery.handler == _LETHAL.name and delivery.item_id in lethal]
    findings = []
    if len(deserved) != 1:
        findings.append("the lethal delivery did not end dead")
    calls = sum(sighting.event_id in lethal for sighting in evidence.sightings[_LETHAL.name])
    if calls != ATTEMPTS:
        findings.append(f"its handler was called {calls} times, not {ATTEMPTS}")
    # No handler of this campaign fails: what is not lost is done.
    findings += [
        f"delivery {delivery.id} to {delivery.handler} took {delivery.attempt} attempts beside the lethal one"
        for delivery in evidence.deliveries
        if delivery not in deserved and delivery.attempt > _MOST_LOST + 1
    ]
    # Seen as done, what was deserved is no finding; all else still is.
    deliveries = [
        replace(delivery, state=DeliveryState.DONE) if delivery in deserved else delivery
        for delivery in evidence.deliveries
    ]
    seen = [
        replace(sighting, is_done=sighting.is_done or sighting.event_id in lethal)
        for sighting in evidence.sightings[_LETHAL.name]
    ]
    complaints = [line for line in evidence.complaints if not _tells_of_death(line)]
    sound = replace(
        evidence,
        deliveries=deliveries,
        sightings={**evidence.sightings, _LETHAL.name: seen},
        complaints=complaints,
    )
    return findings + broken(sound)


def _is_lethal(external_id: str | None) -> bool:
    return (external_id or "").endswith(LETHAL)


def _tells_of_death(line: str) -> bool:
    try:
        return json.loads(line)["event"] in ("delivery dead", "notice raised")
    except (ValueError, TypeError, KeyError):
        return False
