import asyncio
import itertools
from datetime import timedelta

import pytest
import structlog
from fakes.dispatching import COMPLETED, Witness, configured, hanging, no_submit, raising, world
from fakes.silent_bus import SilentBus

from kling_daemon.deliveries import RetryPolicy
from kling_daemon.events import NoticeKind, notice
from kling_daemon.handlers import Reject, Retry
from kling_daemon.jobs import JobState


async def test_a_handler_gets_each_event_once_and_in_order_per_job(tmp_path):
    witness = Witness()
    async with world(tmp_path) as here, here.dispatcher([configured("w", witness.open)]).running():
        for state in (JobState.SUBMITTED, JobState.PROCESSING, JobState.SUCCEEDED):
            await here.report(*range(20), state=state)
        await here.until_done("w", 80)
    for number in range(20):
        assert witness.types_of(number) == [*["job.status_changed"] * 3, "job.completed"]
    assert len({context.idempotency_key for context in witness.contexts}) == 80


async def test_a_handler_gets_only_what_it_subscribed_to(tmp_path):
    witness = Witness()
    handler = configured("w", witness.open, events=COMPLETED)
    async with world(tmp_path) as here, here.dispatcher([handler]).running():
        await here.report(1, 2)
        await here.report(3, state=JobState.FAILED)
        await here.until_done("w", 2)
    assert {item.type for item in witness.seen} == {"job.completed"}


async def test_with_every_ring_dropped_everything_is_delivered_all_the_same(tmp_path):
    witness = Witness()
    async with world(tmp_path, bus=SilentBus()) as here:
        idle = timedelta(milliseconds=20)
        async with here.dispatcher([configured("w", witness.open)], idle=idle).running():
            for state in (JobState.PROCESSING, JobState.SUCCEEDED):
                await here.report(*range(30), state=state)
            await here.until_done("w", 90)
    assert all(witness.types_of(number)[-1] == "job.completed" for number in range(30))


async def test_no_more_run_at_once_than_the_handler_may_be_given(tmp_path):
    most = running = 0

    async def behave(_item, _context):
        nonlocal most, running
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1

    async with world(tmp_path) as here:
        handler = configured("w", Witness(behave).open, events=COMPLETED, concurrency=3)
        async with here.dispatcher([handler]).running():
            await here.report(*range(40))
            await here.until_done("w", 40)
    assert most == 3


async def test_attempts_begin_no_faster_than_the_rate(tmp_path):
    began = []

    async def behave(_item, _context):
        began.append(asyncio.get_running_loop().time())

    async with world(tmp_path) as here:
        handler = configured("w", Witness(behave).open, events=COMPLETED, rate=20.0)
        async with here.dispatcher([handler]).running():
            await here.report(*range(30))
            await here.until_done("w", 30)
    # A burst of one second's worth, then one every 50 ms.
    assert began[-1] - began[0] >= 9.5 / 20


async def test_a_failed_attempt_is_repeated_after_a_pause_that_no_ring_shortens(tmp_path):
    attempts = []

    async def behave(item, context):
        if item.job.task_id == "t1":
            attempts.append(context.attempt)
            if len(attempts) < 3:
                raise RuntimeError("boom")

    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", Witness(behave).open, events=COMPLETED)])
        async with dispatcher.running():
            await here.report(1)
            await here.until_ended("w", "failed", 1)
            for number in (2, 3, 4):
                await here.report(number)
                dispatcher.wake("w")
            await here.until_states("w", "pending", "done", "done", "done")
            assert attempts == [1]
            here.let_pass(dispatcher, RetryPolicy().backoff.longest)
            await here.until_ended("w", "failed", 2)
            here.let_pass(dispatcher, RetryPolicy().backoff.longest)
            await here.until_done("w", 4)
    assert attempts == [1, 2, 3]


async def test_a_failing_status_change_holds_back_the_same_job_s_later_events_and_no_other_s(tmp_path):
    async def behave(item, _context):
        if item.job.task_id == "t1":
            raise RuntimeError("boom")

    witness = Witness(behave)
    policy = RetryPolicy(max_attempts=2)
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", witness.open, policy=policy)])
        async with dispatcher.running():
            await here.report(1, 2)
            await here.until_ended("w", "failed", 1)
            await here.until_states("w", "pending", "pending", "done", "done")
            assert witness.types_of(1) == ["job.status_changed"]
            here.let_pass(dispatcher, policy.backoff.longest)
            # The dead letter frees the one behind it.
            await here.until_ended("w", "failed", 3)
            await here.until_states("w", "dead", "pending", "done", "done")
            here.let_pass(dispatcher, policy.backoff.longest)
            await here.until_states("w", "dead", "dead", "done", "done")
    assert witness.types_of(1) == [*["job.status_changed"] * 2, *["job.completed"] * 2]


async def test_attempts_used_up_end_in_a_dead_letter_and_a_notice(tmp_path):
    policy = RetryPolicy(max_attempts=2)
    told = Witness()
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher(
            [
                configured(
                    "w",
                    Witness(raising(*[RuntimeError("boom")] * 2)).open,
                    events=COMPLETED,
                    policy=policy,
                ),
                configured("n", told.open, events=frozenset({"notice"})),
            ]
        )
        async with dispatcher.running():
            await here.report(1)
            await here.until_ended("w", "failed", 1)
            here.let_pass(dispatcher, policy.backoff.longest)
            await here.until_states("w", "dead")
            await here.until_done("n", 1)
        (row,) = await here.deliveries("w")
        assert (row.attempt, row.error) == (2, "RuntimeError: boom")
        (raised,) = await here.store.read.open_notices()
        assert told.seen == [raised]
        assert (raised.kind, raised.subject) == (NoticeKind.DELIVERY_DEAD, str(row.id))
        assert f"kling-daemon deliveries retry {row.id}" in raised.message


async def test_a_notice_that_cannot_be_delivered_raises_no_further_notice(tmp_path):
    refusing = Witness(raising(*[Reject("no")] * 3))
    async with world(tmp_path) as here:
        async with here.dispatcher([configured("n", refusing.open, events=frozenset({"notice"}))]).running():
            raised = notice(NoticeKind.KLING_SILENT, "default", "Kling does not answer.", here.clock.now())
            assert await here.store.raise_notice(raised)
            here.bus.publish([raised])
            await here.until_states("n", "dead")
        assert await here.store.read.open_notices() == [raised]


async def test_reject_ends_in_a_dead_letter_at_once(tmp_path):
    witness = Witness(raising(Reject("the bucket\ndoes not exist")))
    async with world(tmp_path) as here:
        async with here.dispatcher([configured("w", witness.open, events=COMPLETED)]).running():
            await here.report(1)
            await here.until_states("w", "dead")
        (row,) = await here.deliveries("w")
        assert (row.attempt, row.error) == (1, "the bucket does not exist")


async def test_retry_postpones_without_spending_an_attempt(tmp_path):
    witness = Witness(raising(Retry("busy", after=60), ExceptionGroup("of a task group", [Retry("busy", after=60)])))
    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", witness.open, events=COMPLETED)])
        async with dispatcher.running():
            await here.report(1)
            for times in (1, 2):
                await here.until_ended("w", "postponed", times)
                here.let_pass(dispatcher, timedelta(seconds=60))
            await here.until_done("w", 1)
        (row,) = await here.deliveries("w")
    assert row.attempt == 1
    assert [context.attempt for context in witness.contexts] == [1, 1, 1]


async def test_a_silent_handler_times_out_and_a_heartbeat_keeps_it_alive(tmp_path):
    async def behave(item, context):
        if item.job.task_id == "t2":
            await hanging(item, context)
        for _ in range(10):
            context.heartbeat()
            await asyncio.sleep(0.05)

    witness = Witness(behave)
    async with world(tmp_path) as here:
        handler = configured("w", witness.open, events=COMPLETED, timeout=timedelta(milliseconds=200))
        async with here.dispatcher([handler]).running():
            await here.report(1, 2)
            await here.until_ended("w", "failed", 1)
        assert (await here.deliveries("w"))[1].error == "TimeoutError: no sign of life for 0.2 s"


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), MemoryError()]
)
async def test_whatever_a_handler_raises_is_its_own_failure(tmp_path, error):
    async with world(tmp_path) as here:
        handlers = [
            configured("bad", Witness(raising(error)).open, events=COMPLETED),
            configured("good", Witness().open, events=COMPLETED),
        ]
        async with here.dispatcher(handlers).running():
            await here.report(1)
            await here.until_ended("bad", "failed", 1)
            await here.report(2)
            await here.until_done("good", 2)
        (row, _) = await here.deliveries("bad")
        assert (row.attempt, row.error) == (1, type(error).__name__ + (": 1" if error.args else ""))


async def test_a_result_is_kept_and_one_that_is_no_json_is_left_out(tmp_path):
    results = {"t1": {"path": "a.mp4"}, "t2": {"path": tmp_path}, "t3": "done", "t4": {"n": float("nan")}, "t5": None}

    async def behave(item, _context):
        return results[item.job.task_id]

    async with world(tmp_path) as here:
        async with here.dispatcher([configured("w", Witness(behave).open, events=COMPLETED)]).running():
            await here.report(*range(1, 6))
            await here.until_done("w", 5)
        assert [row.result for row in await here.deliveries("w")] == [{"path": "a.mp4"}, None, None, None, None]


async def test_steps_and_cursor_outlive_the_attempt_that_made_them(tmp_path):
    made = itertools.count(1)
    seen = []

    async def behave(_item, context):
        async def make():
            return next(made)

        seen.append((await context.step("number", make), await context.load_cursor()))
        await context.save_cursor({"at": len(seen)})
        if len(seen) < 3:
            raise RuntimeError("not yet")

    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", Witness(behave).open, events=COMPLETED)])
        async with dispatcher.running():
            await here.report(1)
            for times in (1, 2):
                await here.until_ended("w", "failed", times)
                here.let_pass(dispatcher, RetryPolicy().backoff.longest)
            await here.until_done("w", 1)
    assert seen == [(1, None), (1, {"at": 1}), (1, {"at": 2})]


@pytest.mark.parametrize(
    "value", [object(), float("nan"), "\udcff", {"a": {2, 3}}], ids=["object", "nan", "no text", "set"]
)
async def test_what_is_no_json_can_be_kept_under_no_step_and_harms_nobody_else(tmp_path, value):
    async def make():
        return value

    async def behave(_item, context):
        await context.step("number", make)

    async with world(tmp_path) as here:
        handler = configured("w", Witness(behave).open, events=COMPLETED, policy=RetryPolicy(max_attempts=1))
        with structlog.testing.capture_logs() as lines:
            async with here.dispatcher([handler]).running():
                await here.report(1)
                await here.until_states("w", "dead")
    assert "group commit failed" not in [line["event"] for line in lines]


async def test_a_handler_that_depends_on_others_waits_for_them_and_reads_their_results(tmp_path):
    gate = asyncio.Event()

    async def archive(_item, _context):
        await gate.wait()
        return {"path": "a.mp4"}

    last = Witness()
    async with world(tmp_path) as here:
        handlers = [
            configured("notify", last.open, events=COMPLETED, depends_on=("archive", "scan")),
            configured("archive", Witness(archive).open, events=COMPLETED),
            configured("scan", Witness(raising(Reject("cannot be read"))).open, events=COMPLETED),
        ]
        async with here.dispatcher(handlers, idle=timedelta(hours=1)).running():
            await here.report(1)
            await here.until_states("scan", "dead")
            assert last.seen == []
            gate.set()
            await here.until_done("notify", 1)
    assert last.contexts[0].results == {"archive": {"path": "a.mp4"}, "scan": None}


async def test_several_handlers_of_one_type_each_get_everything_with_keys_and_folders_of_their_own(tmp_path):
    one, two = Witness(), Witness()
    async with world(tmp_path) as here:
        handlers = [configured(name, witness.open, events=COMPLETED) for name, witness in (("a", one), ("b", two))]
        async with here.dispatcher(handlers).running():
            await here.report(1)
            await here.until_done("a", 1)
            await here.until_done("b", 1)
    assert one.seen == two.seen
    assert one.contexts[0].idempotency_key != two.contexts[0].idempotency_key
    folders = [witness.contexts[0].data_dir for witness in (one, two)]
    assert [(folder.name, folder.stat().st_mode & 0o777) for folder in folders] == [("a", 0o700), ("b", 0o700)]


async def test_a_mistake_of_our_own_stays_within_one_attempt(tmp_path):
    calls = itertools.count()

    def submit_for(_delivery):
        if next(calls) == 0:
            raise RuntimeError("our mistake")
        return no_submit

    async with world(tmp_path) as here:
        dispatcher = here.dispatcher([configured("w", Witness().open, events=COMPLETED)], submit_for=submit_for)
        async with dispatcher.running():
            await here.report(1)
            await here.report(2)
            await here.until_states("w", "pending", "done")
            assert (await here.deliveries("w"))[0].error == "RuntimeError: our mistake"
            here.let_pass(dispatcher, timedelta(hours=1))
            await here.until_states("w", "done", "done")


async def test_what_a_handler_logs_bears_handler_event_and_job(tmp_path):
    async def behave(_item, context):
        context.log.info("archived", size=7)

    witness = Witness(behave)
    with structlog.testing.capture_logs() as logs:
        handler = configured("w", witness.open, events=COMPLETED)
        async with world(tmp_path) as here, here.dispatcher([handler]).running():
            await here.report(1)
            await here.until_done("w", 1)
    (item,) = witness.seen
    (line,) = [line for line in logs if line["event"] == "archived"]
    assert line == {
        "event": "archived",
        "log_level": "info",
        "handler": "w",
        "event_id": item.id,
        "job_id": item.job_id,
        "attempt": 1,
        "size": 7,
    }
