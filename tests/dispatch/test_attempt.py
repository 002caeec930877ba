import asyncio
import functools
import threading
from collections import UserDict
from datetime import timedelta
from pathlib import Path

import pytest
from strategies.kling_news import EPOCH, queued_job

from kling_daemon.contexts import DeliveryContext
from kling_daemon.deliveries import Acknowledged, Delivery, Failed, Interrupted, Postponed, Rejected
from kling_daemon.dispatch.attempt import MAX_RESULT, Attempt
from kling_daemon.events import EventType, JobEvent
from kling_daemon.handlers import Reject, Retry
from kling_daemon.http_client import HttpError, HttpRefusedError
from kling_daemon.testing.recorders import RecordingLog

EVENT = JobEvent(id="e", type=EventType.COMPLETED, occurred_at=EPOCH, job_id="j", previous_state=None, job=queued_job())
DELIVERY = Delivery(id=1, handler="w", item=EVENT, attempt=1, created_at=EPOCH, results={})


def behaving(behave):
    async def invoke(_item, _context):
        return await behave()

    return invoke


def raising(error):
    async def behave():
        raise error

    return behaving(behave)


async def never():
    await asyncio.Event().wait()


class Forgetful(Reject):
    def __init__(self):
        pass


class Endless(Retry):
    def __init__(self):
        pass


class Unsaid(Reject):
    def __init__(self):
        self.reason = self

    def __str__(self):
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Retry("busy", after=5), Postponed(after=timedelta(seconds=5), reason="busy")),
        (Reject("no"), Rejected(reason="no")),
        (ExceptionGroup("tasks", [Reject("no")]), Rejected(reason="no")),
        (HttpRefusedError("h is a private address"), Rejected(reason="h is a private address")),
        (HttpError("h: stalled"), Failed(error="HttpError: h: stalled")),
        (ValueError("at https://cdn.test/a?sig=secret"), Failed(error="ValueError: at https://cdn.test/a?***")),
        (SystemExit(), Failed(error="SystemExit")),
        (Reject(ValueError("no")), Rejected(reason="no")),
        (Reject(None), Rejected(reason="None")),
        (Retry(ValueError("busy"), after=1), Postponed(after=timedelta(seconds=1), reason="busy")),
        (Forgetful(), Rejected(reason="")),
        (Unsaid(), Rejected(reason="(its message cannot be read)")),
        (Endless(), Failed(error="Endless")),
        (ValueError("a\0b\x1b[2J\u202e"), Failed(error=r"ValueError: a\x00b\x1b[2J\u202e")),
        (asyncio.CancelledError(), Failed(error="CancelledError")),
    ],
)
async def test_what_a_handler_raises_becomes_an_outcome(error, outcome):
    assert await Attempt(DELIVERY, timeout=10).run(raising(error), None) == outcome


async def test_what_a_handler_returns_is_its_result():
    async def behave():
        return {"files": ("a",)}

    assert await Attempt(DELIVERY, timeout=10).run(behaving(behave), None) == Acknowledged(result={"files": ["a"]})


async def test_silence_ends_in_a_failure_even_if_the_handler_dies_of_another_error_then():
    async def behave():
        try:
            await never()
        finally:
            raise RuntimeError("cleaning up failed")

    outcome = await Attempt(DELIVERY, timeout=0.01).run(behaving(behave), None)
    assert outcome == Failed(error="TimeoutError: no sign of life for 0.01 s")


async def test_heartbeats_from_another_thread_count():
    attempt = Attempt(DELIVERY, timeout=0.2)
    loop = asyncio.get_running_loop()
    released = asyncio.Event()
    pause = threading.Event()

    def beat():
        for _ in range(10):
            pause.wait(0.05)
            attempt.heartbeat()
        loop.call_soon_threadsafe(released.set)

    async def behave():
        threading.Thread(target=beat, daemon=True).start()
        await released.wait()

    assert await attempt.run(behaving(behave), None) == Acknowledged()


async def test_an_attempt_that_is_cut_off_before_it_began_never_calls_its_handler():
    attempt = Attempt(DELIVERY, timeout=10)
    attempt.interrupt()
    assert await attempt.run(raising(AssertionError("called")), None) == Interrupted()


async def test_a_handler_that_has_ended_by_itself_is_believed_although_it_was_cut_off():
    attempt = Attempt(DELIVERY, timeout=10)

    async def behave():
        try:
            await never()
        except asyncio.CancelledError:
            return {"done": True}

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(attempt.run(behaving(behave), None), name="attempt")
        await asyncio.sleep(0)
        attempt.interrupt()
    assert running.result() == Acknowledged(result={"done": True})


class Moody(UserDict):
    def __iter__(self):
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    "result",
    [
        {"name": "\udcff"},
        {"size": float("nan")},
        {"of": object()},
        {"all": "x" * MAX_RESULT},
        functools.reduce(lambda inner, _: {"in": inner}, range(300), {}),
        Moody(a=1),
        ["no", "mapping"],
    ],
    ids=["no text", "no number", "no JSON", "too long", "too deep", "unreadable", "no mapping"],
)
async def test_a_result_that_cannot_be_kept_is_left_out_and_the_work_counts_as_done(result):
    async def behave():
        return result

    log = RecordingLog()
    context = DeliveryContext(
        name="w", log=log, data_dir=Path(), http=None, submit=None, attempt=1, idempotency_key="k", results={},
        heartbeat=None, journal=None,
    )  # fmt: skip
    assert await Attempt(DELIVERY, timeout=10).run(behaving(behave), context) == Acknowledged()
    assert [line.event for line in log.lines] == ["result not stored"]
