"""Suspects have their turn one after the other: no lane spins, sleeps past its turn, or is passed over."""

import asyncio
from datetime import timedelta

import pytest
from fakes.dispatching import COMPLETED, Witness, configured, hanging, until, world
from fakes.suspects import leave_suspects

from kling_daemon.deliveries import RetryPolicy
from kling_daemon.events import NoticeKind
from kling_daemon.handlers import Reject, Retry
from kling_daemon.store import Registration

NEVER_BY_ITSELF = timedelta(hours=1)
"""How long a lane of these tests rests when nobody wakes it."""
LATER = timedelta(minutes=1)
"""Past the pause after a second loss."""


def noting_claims(store):
    """Note from now on whose lane has asked for deliveries."""
    claims, claim = [], store.claim

    async def counted(handler, **settings):
        claimed = await claim(handler, **settings)
        claims.append(handler)
        return claimed

    store.claim = counted
    return claims


async def until_lanes_sleep(store, claims):
    """Wait until no lane asks while the writer is used again and again: one that spins would ask each time."""
    for _ in range(20):
        asked = len(claims)
        for _ in range(10):
            await store.clear_notice(NoticeKind.KLING_SILENT, "nobody")
        if len(claims) == asked:
            return
    pytest.fail("a lane spins")


async def let_lanes_look():
    """Give the lanes the time to do whatever they want to do now."""
    for _ in range(1000):
        await asyncio.sleep(0)


@pytest.mark.parametrize("error", [None, RuntimeError("boom"), Retry("busy", after=60), Reject("no")])
async def test_the_next_suspect_is_tried_when_the_one_before_has_ended_and_lanes_sleep_until_then(tmp_path, error):
    gate = asyncio.Event()

    async def behave(_item, _context):
        await gate.wait()
        if error is not None:
            raise error

    first, second = Witness(behave), Witness()
    handlers = [configured("a", first.open, events=COMPLETED), configured("b", second.open, events=COMPLETED)]
    await leave_suspects(tmp_path, *[Registration(name=one.name, events=one.events) for one in handlers])
    async with world(tmp_path) as here:
        here.clock.advance(LATER)
        claims = noting_claims(here.store)
        dispatcher = here.dispatcher(handlers, idle=NEVER_BY_ITSELF)
        async with dispatcher.running():
            await until(lambda: len(first.seen) == 1)
            # What is no suspect goes on beside it.
            await here.report(2)
            await here.until_states("b", "pending", "done")
            await until_lanes_sleep(here.store, claims)
            gate.set()
            await here.until_done("b", 2)
    assert [item.job.task_id for item in second.seen] == ["t2", "t1"]


async def test_suspects_without_an_attempt_left_end_dead_one_after_the_other(tmp_path):
    witness = Witness()
    policy = RetryPolicy(max_attempts=2)
    handlers = [configured(name, witness.open, events=COMPLETED, policy=policy) for name in ("a", "b", "c")]
    await leave_suspects(tmp_path, *[Registration(name=one.name, events=one.events) for one in handlers])
    async with world(tmp_path) as here:
        here.clock.advance(LATER)
        async with here.dispatcher(handlers, idle=NEVER_BY_ITSELF).running():
            for name in ("a", "b", "c"):
                await here.until_states(name, "dead")
    assert witness.seen == []


async def test_suspects_that_are_due_again_and_again_let_those_of_every_lane_have_their_turn(tmp_path):
    async def behave(_item, context):
        await let_lanes_look()
        if context.name != "c":
            here.clock.advance(timedelta(seconds=2))  # past the least pause of the one before
            raise Retry("again", after=0)

    witness = Witness(behave)
    handlers = [configured(name, witness.open, events=COMPLETED) for name in ("a", "b", "c")]
    await leave_suspects(tmp_path, *[Registration(name=one.name, events=one.events) for one in handlers])
    async with world(tmp_path) as here:
        here.clock.advance(LATER)
        async with here.dispatcher(handlers, idle=NEVER_BY_ITSELF).running():
            await here.until_done("c", 1)


async def test_a_delivery_that_ends_the_daemon_costs_those_of_other_handlers_two_attempts_at_most(tmp_path):
    """Though they are slow, and run at each of its ends if they are let."""

    async def die(item, context):
        nonlocal dying
        dying = True
        await until(lambda: set(claims) == {"lethal", "slow", "other"})
        died.set()
        await hanging(item, context)

    async def take_long(item, context):
        for _ in range(100):
            await asyncio.sleep(0)
        if dying:
            await hanging(item, context)

    async def dead_or_died():
        return died.is_set() or await here.states("lethal") == ["dead"]

    async def write_nothing(*_, **__):
        return False

    behaviours = {"lethal": die, "slow": take_long, "other": take_long}
    handlers = [
        configured(name, Witness(behave).open, events=COMPLETED, policy=RetryPolicy(max_attempts=5))
        for name, behave in behaviours.items()
    ]
    deaths = 0
    while True:
        dying, died = False, asyncio.Event()
        async with world(tmp_path) as here:
            here.clock.advance(LATER)
            claims = noting_claims(here.store)
            async with here.dispatcher(handlers, idle=NEVER_BY_ITSELF, stop_timeout=timedelta()).running():
                if deaths == 0:
                    await here.report(1)
                await until(dead_or_died)
                if not died.is_set():
                    await here.until_done("slow", 1)
                    await here.until_done("other", 1)
                    break
                here.store.settle = write_nothing
                deaths += 1
    async with world(tmp_path) as here:
        attempts = {name: (await here.deliveries(name))[0].attempt for name in behaviours}
    assert (deaths, attempts["lethal"]) == (5, 5)
    assert max(attempts["slow"], attempts["other"]) <= 3
