"""A lane step by step: when it claims, when it is given what it need not claim, and when it looks again."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from fakes.dispatching import COMPLETED, NoHttp, Witness, configured, no_submit, raising, world

from kling_daemon.backoff import Backoff
from kling_daemon.contexts import HandlerContext
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.dispatch.keeper import Keeper
from kling_daemon.dispatch.lane import IDLE, Lane
from kling_daemon.dispatch.settler import Settler
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration
from kling_daemon.tracking import NoticeBoard


@asynccontextmanager
async def stepping(here, handler):
    """Open a handler, and give its lane's step, which is taken only where the test says so."""
    context = HandlerContext(
        name=handler.name, log=structlog.get_logger(), data_dir=here.directory / "handlers", http=NoHttp()
    )
    shared = {"store": here.store, "clock": here.clock, "random": lambda: 0.5, "stopping": asyncio.Event()}
    board = NoticeBoard(here.store, here.bus, here.clock)
    keeper = Keeper(handler, context, board=board, on_open=lambda: None, random=shared["random"])
    settler = Settler(
        handler,
        board=board,
        log=context.log,
        observe=lambda name, outcome, _seconds: here.outcomes.append((name, outcome)),
        on_closed=lambda: None,
        on_suspect_ended=lambda: None,
        **shared,
    )

    def submit_for(_delivery):
        return no_submit

    lane = Lane(handler, context, bus=here.bus, keeper=keeper, settler=settler, submit_for=submit_for, **shared)
    await here.store.register_handlers([Registration(name=handler.name, events=handler.events, depends_on=())])
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        assert await keeper.step(stack)
        with lane.standing(tasks) as claim:
            yield partial(lane.step, tasks, claim)


async def test_a_lane_at_rest_is_given_deliveries_without_a_commit_of_its_own(tmp_path):
    happened = []

    async def behave(_item, _context):
        happened.append("called")

    handler = configured("w", Witness(behave).open, events=COMPLETED)
    async with (
        world(tmp_path, on_commit=lambda units, _seconds: happened.append(units)) as here,
        stepping(here, handler) as step,
    ):
        assert await step() == IDLE.total_seconds()
        happened.clear()
        await here.report(1, 2)
        await here.until_done("w", 2)
    assert happened[:3] == [2, "called", "called"]


async def test_a_lane_without_a_place_begins_nothing_and_looks_again_as_soon_as_it_has_one(tmp_path):
    gate = asyncio.Event()

    async def behave(_item, _context):
        await gate.wait()

    witness = Witness(behave)
    handler = configured("w", witness.open, events=COMPLETED, concurrency=1)
    async with world(tmp_path) as here, stepping(here, handler) as step:
        await here.report(1, 2, 3)
        assert await step() == IDLE.total_seconds()
        assert await here.states("w") == ["running", "pending", "pending"]
        gate.set()
        await here.until_states("w", "done", "pending", "pending")
        assert await step() == 0
        await here.until_states("w", "done", "done", "pending")


async def test_a_lane_rests_until_the_next_delivery_falls_due(tmp_path):
    witness = Witness(raising(RuntimeError("boom")))
    policy = RetryPolicy(backoff=Backoff(least=timedelta(seconds=2), longest=timedelta(seconds=2)))
    async with world(tmp_path) as here, stepping(here, configured("w", witness.open, policy=policy)) as step:
        await here.report(1, state=JobState.PROCESSING)
        await here.until_ended("w", "failed", 1)
        rest = await step()
        assert 0 < rest <= 2
        here.clock.advance(timedelta(seconds=rest))
        await step()
        await here.until_done("w", 1)


async def test_a_lane_with_a_rate_rests_until_there_may_be_room_for_one_more(tmp_path):
    handler = configured("w", Witness().open, events=COMPLETED, rate=2.0)
    async with world(tmp_path) as here, stepping(here, handler) as step:
        await here.report(1, 2, 3)
        assert await step() == 0
        assert await step() == 0.5
        await here.until_states("w", "done", "done", "pending")
