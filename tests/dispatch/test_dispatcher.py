import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fakes.dispatching import COMPLETED, Witness, configured, hanging, raising, until, world
from fakes.troubled_database import slow_commits

from kling_daemon.backoff import Backoff
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.dispatch import Openness
from kling_daemon.events import NoticeKind
from kling_daemon.loader.calling import adapt, inspect_call
from kling_daemon.loader.threads import HookThreads

SOON = timedelta(milliseconds=50)
AT_ONCE = Backoff(least=timedelta(milliseconds=1), longest=timedelta(milliseconds=1))


async def test_a_hung_a_broken_and_a_slow_handler_delay_no_other(tmp_path):
    gate = threading.Event()

    def wait_for_the_gate():
        gate.wait()

    @asynccontextmanager
    async def open_stuck(_context):
        async with HookThreads(handler="stuck", size=8) as threads:
            yield adapt(lambda _item: inspect_call(wait_for_the_gate), threads, handler="stuck")

    async def always_raising(_item, _context):
        raise ValueError("broken")

    good = Witness()
    async with world(tmp_path) as here:
        handlers = [
            configured("hung", Witness(hanging).open, events=COMPLETED),
            configured("stuck", open_stuck, events=COMPLETED),
            configured("broken", Witness(always_raising).open, events=COMPLETED),
            configured("good", good.open, events=COMPLETED),
        ]
        dispatcher = here.dispatcher(handlers, stop_timeout=timedelta())
        async with dispatcher.running():
            await here.report(*range(50))
            await here.until_done("good", 50)
            assert {status.name: status.running for status in dispatcher.status()} == {
                "hung": 8,
                "stuck": 8,
                "broken": 0,
                "good": 0,
            }
        # The exit was not delayed either, and none of the hung ones has spent an attempt.
        for name in ("hung", "stuck"):
            assert {(row.state, row.attempt) for row in await here.deliveries(name)} == {("pending", 0)}
        gate.set()


async def test_a_lane_survives_a_store_that_fails_for_a_while(tmp_path):
    good = Witness()
    async with world(tmp_path) as here:
        store, claim, left = here.store, here.store.claim, [OSError(28, "No space left on device")] * 3

        async def failing_claim(*args, **settings):
            if left:
                raise left.pop()
            return await claim(*args, **settings)

        store.claim = failing_claim
        async with here.dispatcher([configured("w", good.open)]).running():
            await here.report(1)
            await here.until_done("w", 2)
    assert left == []


async def test_an_outcome_is_not_lost_when_the_store_fails_to_take_it(tmp_path):
    witness = Witness()
    async with world(tmp_path) as here:
        settle, left = here.store.settle, [OSError(28, "No space left on device")] * 2

        async def failing_settle(*args, **settings):
            if left:
                raise left.pop()
            return await settle(*args, **settings)

        here.store.settle = failing_settle
        async with here.dispatcher([configured("w", witness.open, events=COMPLETED)]).running():
            await here.report(1)
            await here.until_done("w", 1)
    assert len(witness.seen) == 1


async def test_stopping_lets_attempts_finish(tmp_path):
    gate = asyncio.Event()

    async def behave(_item, _context):
        await gate.wait()

    witness = Witness(behave)
    async with world(tmp_path) as here:
        async with here.dispatcher([configured("w", witness.open, events=COMPLETED, concurrency=2)]).running():
            await here.report(1, 2, 3)
            await until(lambda: len(witness.seen) == 2)
            asyncio.get_running_loop().call_later(SOON.total_seconds(), gate.set)
        assert [(row.state, row.attempt) for row in await here.deliveries("w")] == [
            ("done", 1),
            ("done", 1),
            ("pending", 0),
        ]
        assert len(witness.seen) == 2


async def test_what_is_cut_off_costs_no_attempt_and_is_delivered_at_the_next_start(tmp_path):
    async with world(tmp_path) as here:
        cut_off = Witness(hanging)
        async with here.dispatcher([configured("w", cut_off.open)], stop_timeout=SOON).running():
            await here.report(1, 2)
            await until(lambda: len(cut_off.seen) == 2)
        assert {(row.state, row.attempt) for row in await here.deliveries("w")} == {("pending", 0)}
        assert here.outcomes == [("w", "interrupted")] * 2
    witness = Witness()
    async with world(tmp_path) as here, here.dispatcher([configured("w", witness.open)]).running():
        await here.until_done("w", 4)
    assert [context.attempt for context in witness.contexts] == [1] * 4


async def test_stopping_while_claims_are_under_way_costs_no_attempt(tmp_path):
    async with world(tmp_path) as here:
        claim = here.store.claim
        witness = Witness()
        dispatcher = here.dispatcher([configured("w", witness.open, events=COMPLETED, rate=1000)])  # it always claims
        claimed = asyncio.Event()
        stopping = asyncio.Event()

        async def slow_claim(*args, **settings):
            deliveries = await claim(*args, **settings)
            if deliveries:
                claimed.set()
                await stopping.wait()
            return deliveries

        here.store.claim = slow_claim
        async with dispatcher.running():
            await here.report(1, 2)
            await claimed.wait()
            asyncio.get_running_loop().call_later(SOON.total_seconds(), stopping.set)
        assert [(row.state, row.attempt) for row in await here.deliveries("w")] == [("pending", 0)] * 2
        assert witness.seen == []


async def test_stopping_while_a_commit_that_begins_attempts_is_under_way_costs_no_attempt(tmp_path):
    async with world(tmp_path) as here:
        witness = Witness()
        dispatcher = here.dispatcher([configured("w", witness.open, events=COMPLETED)])
        with slow_commits(here.store) as commits:
            async with asyncio.TaskGroup() as tasks:
                async with dispatcher.running():
                    await until(lambda: dispatcher.status()[0].openness is Openness.OPEN)
                    await here.report(0)
                    await here.until_done("w", 1)
                    commits.hold()
                    reported = tasks.create_task(here.report(1, 2))
                    await commits.is_held.wait()
                    asyncio.get_running_loop().call_later(SOON.total_seconds(), commits.let_go)
                await reported
        assert [(row.state, row.attempt) for row in (await here.deliveries("w"))[1:]] == [("pending", 0)] * 2
        assert len(witness.seen) == 1


async def test_a_handler_that_ignores_being_cancelled_has_its_delivery_taken_back(tmp_path):
    gate = asyncio.Event()

    async def behave(_item, _context):
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    witness = Witness(behave)
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", witness.open, events=COMPLETED)], stop_timeout=SOON)

        async def run_and_stop():
            async with dispatcher.running():
                await here.report(1)
                await until(lambda: len(witness.seen) == 1)

        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(run_and_stop(), name="daemon")
            await here.until_states("w", "running")
            await here.until_states("w", "pending")
            assert not stopping.done()
            gate.set()
        assert [(row.state, row.attempt) for row in await here.deliveries("w")] == [("pending", 0)]


async def test_being_cancelled_outright_costs_no_attempt_either(tmp_path):
    witness = Witness(hanging)
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", witness.open)], stop_timeout=timedelta(hours=1))

        async def run():
            async with dispatcher.running():
                await here.report(1, 2)
                await asyncio.Event().wait()

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(run(), name="daemon")
            await until(lambda: len(witness.seen) == 2)
            # The first cancellation stops it gracefully, a second one cuts that short.
            running.cancel()
            await until(dispatcher._stopping.is_set)
            running.cancel()
        assert {(row.state, row.attempt) for row in await here.deliveries("w")} == {("pending", 0)}
        assert {status.openness for status in dispatcher.status()} == {Openness.STOPPED}


async def test_a_handler_that_is_not_loaded_collects_deliveries_and_gets_them_when_it_is_loaded_again(tmp_path):
    first, again, other = Witness(), Witness(), Witness()
    async with world(tmp_path) as here:
        async with here.dispatcher([configured("w", first.open)]).running():
            await here.report(1)
            await here.until_done("w", 2)
        async with here.dispatcher([configured("other", other.open)]).running():
            await here.report(2, 3)
            await here.until_done("other", 4)
        assert await here.states("w") == ["done", "done", *["pending"] * 4]
        async with here.dispatcher([configured("w", again.open)]).running():
            await here.until_done("w", 6)
    assert {item.job.task_id for item in again.seen} == {"t2", "t3"}


async def test_deliveries_that_a_person_retries_are_tried_at_once(tmp_path):
    witness = Witness(raising(RuntimeError("boom")))
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", witness.open, events=COMPLETED)])
        async with dispatcher.running():
            await here.report(1)
            await here.until_ended("w", "failed", 1)
            (row,) = await here.deliveries("w")
            handler = await here.store.retry_delivery(row.id)
            assert handler == "w"
            dispatcher.wake(handler)
            dispatcher.wake("unheard of")
            await here.until_done("w", 1)


class Stubborn:
    """A handler that cannot be opened until it is told to."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error
        self.witness = Witness()

    @asynccontextmanager
    async def open(self, context):
        if self.error is not None:
            raise self.error
        async with self.witness.open(context) as invoke:
            yield invoke


@pytest.mark.parametrize("error", [OSError("no such device"), SystemExit(3), asyncio.CancelledError()])
async def test_a_handler_that_cannot_open_is_tried_again_in_its_own_lane(tmp_path, error):
    stubborn, good = Stubborn(error), Witness()
    async with world(tmp_path) as here:
        handlers = [configured("stubborn", stubborn.open), configured("good", good.open)]
        dispatcher = here.dispatcher(handlers, reopening=AT_ONCE)
        async with dispatcher.running():
            await here.report(1)
            await here.until_done("good", 2)
            await until(lambda: dispatcher.status()[0].openness is Openness.CLOSED)
            assert dispatcher.status()[0].reason.startswith(type(error).__name__)
            notices = []

            async def noticed():
                notices[:] = await here.store.read.open_notices()
                return bool(notices)

            await until(noticed)
            assert [(raised.kind, raised.subject) for raised in notices] == [(NoticeKind.HANDLER_CLOSED, "stubborn")]
            assert await here.states("stubborn") == ["pending", "pending"]
            stubborn.error = None
            await here.until_done("stubborn", 2)
            assert dispatcher.status()[0].openness is Openness.OPEN
            assert dispatcher.status()[0].reason is None
        assert await here.store.read.open_notices() == []


async def test_a_handler_whose_opening_hangs_delays_neither_another_nor_the_exit(tmp_path):
    @asynccontextmanager
    async def open_never(_context):
        await asyncio.Event().wait()
        yield

    good = Witness()
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("never", open_never), configured("good", good.open)])
        async with dispatcher.running():
            await here.report(1)
            await here.until_done("good", 2)
            assert dispatcher.status()[0].openness is Openness.OPENING
        assert {status.openness for status in dispatcher.status()} == {Openness.STOPPED}


async def test_handlers_close_in_the_reverse_of_their_order_and_only_when_all_attempts_have_ended(tmp_path):
    closed = []

    def opening(name):
        @asynccontextmanager
        async def open_(_context):
            yield Witness(hanging)
            closed.append((name, list(here.outcomes)))
            if name == "b":
                raise RuntimeError("cannot close")

        return open_

    async with world(tmp_path) as here:
        handlers = [configured(name, opening(name), events=COMPLETED) for name in "abc"]
        dispatcher = here.dispatcher(handlers, stop_timeout=SOON)
        async with dispatcher.running():
            await here.report(1)
            await until(lambda: [status.running for status in dispatcher.status()] == [1, 1, 1])
    assert [name for name, _ in closed] == ["c", "b", "a"]
    assert all(len(outcomes) == 3 for _, outcomes in closed)


async def test_handlers_are_opened_and_closed_in_one_task(tmp_path):
    tasks = []

    @asynccontextmanager
    async def open_(_context):
        async with asyncio.timeout(60):  # which, like many, refuses to be left in another task
            tasks.append(asyncio.current_task())
            yield Witness()
        tasks.append(asyncio.current_task())

    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", open_)])
        async with dispatcher.running():
            await until(lambda: dispatcher.status()[0].openness is Openness.OPEN)
    assert len(tasks) == 2
    assert len(set(tasks)) == 1


async def test_the_status_is_json_that_tells_how_each_handler_is_doing(tmp_path):
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", Witness().open, events=COMPLETED, depends_on=("v",))])
        assert [status.as_json() for status in dispatcher.status()] == [
            {
                "name": "w",
                "plugin": "test",
                "events": ["job.completed"],
                "depends_on": ["v"],
                "state": "opening",
                "reason": None,
                "running": 0,
                "concurrency": 8,
            }
        ]


async def test_a_handler_that_takes_the_process_down_at_every_attempt_is_not_called_for_ever(tmp_path):
    witness = Witness()
    handler = configured("w", witness.open, events=COMPLETED, policy=RetryPolicy(max_attempts=2))
    async with world(tmp_path) as here:
        async with here.dispatcher([handler]).running():
            pass
        await here.report(1)
    for attempt in (1, 2):
        async with world(tmp_path) as here:  # claimed, and never settled
            (delivery,) = await here.store.claim("w", limit=1, lease=timedelta(minutes=1))
            assert delivery.attempt == attempt
    async with world(tmp_path) as here, (dispatcher := here.dispatcher([handler])).running():
        here.let_pass(dispatcher, timedelta(minutes=1))  # what is lost twice waits a little
        await here.until_states("w", "dead")
        (row,) = await here.deliveries("w")

        async def told():
            return [raised.kind for raised in await here.store.read.open_notices()] == [NoticeKind.DELIVERY_DEAD]

        await until(told)
    assert witness.seen == []
    assert row.attempt == 2
    assert "no attempt is left" in row.error
