import asyncio
import contextvars
import threading

import pytest
import structlog
from fakes.dispatching import until

from kling_daemon.loader.threads import HookThreads, ThreadError


@pytest.fixture
def gate():
    opened = threading.Event()
    yield opened
    opened.set()


class Hang:
    """A function that returns when the gate opens, and says that it has begun."""

    def __init__(self, gate):
        self.gate = gate
        self.begun = threading.Event()

    def __call__(self):
        self.begun.set()
        self.gate.wait()
        return "late"


async def hang_and_give_up(threads, gate, tasks):
    hang = Hang(gate)
    task = tasks.create_task(threads.run(hang), name="hung hook")
    await until(hang.begun.is_set)
    task.cancel()
    await asyncio.wait([task])


async def test_a_function_runs_on_a_daemon_thread_with_the_caller_s_context():
    variable = contextvars.ContextVar("variable")
    variable.set("bound")
    async with HookThreads(handler="archive", size=1) as threads:
        thread, value = await threads.run(lambda: (threading.current_thread(), variable.get()))
    assert thread.daemon
    assert thread.name == "handler archive"
    assert value == "bound"


async def test_what_a_function_raises_is_raised():
    async with HookThreads(handler="h", size=1) as threads:
        for raised, expected in ((KeyError, KeyError), (StopIteration, ThreadError), (KeyboardInterrupt, ThreadError)):

            def fail(raised=raised):
                raise raised

            with pytest.raises(expected):
                await threads.run(fail)


async def test_no_more_run_at_a_time_than_there_are_workers(gate):
    async with HookThreads(handler="h", size=2) as threads, asyncio.TaskGroup() as tasks:
        hangs = [Hang(gate) for _ in range(3)]
        running = [tasks.create_task(threads.run(hang), name="hook") for hang in hangs]
        await until(lambda: hangs[0].begun.is_set() and hangs[1].begun.is_set())
        assert not hangs[2].begun.is_set()
        gate.set()
    assert [task.result() for task in running] == ["late"] * 3


async def test_a_hung_function_gives_its_place_to_the_next_and_is_logged_with_its_handler(gate):
    with structlog.testing.capture_logs() as lines:
        async with HookThreads(handler="archive", size=1) as threads, asyncio.TaskGroup() as tasks:
            await hang_and_give_up(threads, gate, tasks)
            assert await threads.run(lambda: "next") == "next"
            assert threads.hung == 1
            gate.set()
            await until(lambda: threads.hung == 0)
            assert await threads.run(lambda: "again") == "again"
    assert lines == [
        {
            "event": "hook does not stop, its thread is given up",
            "handler": "archive",
            "hung": 1,
            "log_level": "warning",
        }
    ]


async def test_hung_threads_are_replaced_up_to_a_cap_and_serve_again_when_they_come_back(gate):
    async with HookThreads(handler="h", size=1, most_hung=2) as threads, asyncio.TaskGroup() as tasks:
        for _ in range(3):
            await hang_and_give_up(threads, gate, tasks)
        assert threads.hung == 3
        waiting = tasks.create_task(threads.run(lambda: "served"), name="waiting hook")
        queued = tasks.create_task(threads.run(lambda: "never"), name="cancelled hook")
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.wait([queued])
        gate.set()
        assert await waiting == "served"
    assert queued.cancelled()


async def test_a_function_that_has_not_begun_is_never_begun_once_cancelled(gate):
    ran = []
    async with HookThreads(handler="h", size=1) as threads, asyncio.TaskGroup() as tasks:
        hang = Hang(gate)
        tasks.create_task(threads.run(hang), name="first hook")
        await until(hang.begun.is_set)
        second = tasks.create_task(threads.run(lambda: ran.append(1)), name="second hook")
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        gate.set()
    assert second.cancelled()
    assert ran == []
    assert threads.hung == 0


async def test_leaving_waits_for_no_hung_thread_and_ends_the_idle_ones(gate):
    def alive():
        return [thread for thread in threading.enumerate() if thread.name == "handler leaving"]

    async with HookThreads(handler="leaving", size=2) as threads, asyncio.TaskGroup() as tasks:
        await threads.run(lambda: None)
        await hang_and_give_up(threads, gate, tasks)
    await until(lambda: len(alive()) == 1)
    gate.set()
    await until(lambda: not alive())
    with pytest.raises(ThreadError, match="closed"):
        await threads.run(lambda: None)


async def test_many_calls_from_one_loop_all_come_back():
    async with HookThreads(handler="h", size=4) as threads, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(threads.run(lambda number=number: number), name="hook") for number in range(500)]
    assert [task.result() for task in running] == list(range(500))
