"""Signals: the first asks, the second insists, and past the limit the process ends whatever hangs."""

import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from kling_daemon.service import StopSignal

PROGRAM = """
import asyncio, logging, sys, threading, time
from datetime import timedelta
from kling_daemon.service import StopSignal
from kling_daemon.telemetry import configure_logging

configure_logging("json", "info", sys.stdout)

async def main():
    stop = StopSignal(timedelta(seconds={limit}))
    with stop.installed():
        print("ready", flush=True)
        {first}
        await stop.wait()
        print("asked", flush=True)
        {then}
    {afterwards}

asyncio.run(main())
"""
HANG = "time.sleep(600)"
WAIT = "await asyncio.sleep(600)"
LEAVE_A_THREAD = "threading.Thread(target=time.sleep, args=(600,), name='stuck').start()"


class Started:
    def __init__(self, *, limit, first="pass", then="pass", afterwards="pass"):
        code = PROGRAM.format(limit=limit, first=first, then=then, afterwards=afterwards)
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        self.read_until("ready")

    def read_until(self, word):
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if word in line:
                return "".join(lines)
        raise AssertionError(f"{word!r} was not said: {lines}")

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        try:
            rest, _ = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        return self.process.returncode, rest


@pytest.fixture
def start():
    started = []

    def begin(**program):
        started.append(Started(**program))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_program_ends_by_itself(start, number):
    program = start(limit=60)
    program.send(number)
    assert program.end()[0] == 0


@pytest.mark.parametrize("then", [WAIT, HANG], ids=["a task that hangs", "a loop that is blocked"])
def test_past_the_limit_the_process_ends_whatever_hangs(start, then):
    program = start(limit=0.3, then=then)
    program.send(signal.SIGTERM)
    status, said = program.end()
    assert status == 1
    assert "did not stop in time" in said


@pytest.mark.parametrize("first", [HANG, "[None for _ in iter(int, 1)]"], ids=["asleep", "busy"])
def test_a_loop_that_is_blocked_already_is_found_too(start, first):
    program = start(limit=0.3, first=first)
    program.send(signal.SIGTERM)
    assert program.end()[0] == 1


def test_it_ends_although_nobody_reads_the_log(start):
    program = start(limit=0.3, first="[sys.stdout.write('x' * 4096) for _ in range(64)]")
    program.send(signal.SIGTERM)
    assert program.process.wait(timeout=30) == 1


def test_a_thread_that_the_interpreter_would_wait_for_is_named_and_ended(start):
    program = start(limit=0.3, then=LEAVE_A_THREAD)
    program.send(signal.SIGTERM)
    status, said = program.end()
    assert status == 1
    assert '"stuck"' in said


def test_the_second_signal_ends_the_process_at_once(start):
    program = start(limit=600, then=WAIT)
    program.send(signal.SIGTERM)
    program.read_until("asked")
    program.send(signal.SIGTERM)
    assert program.end()[0] == 128 + signal.SIGTERM


def test_a_signal_after_the_stop_still_ends_a_process_that_does_not_exit(start):
    program = start(limit=600, afterwards="print('stopped', flush=True); time.sleep(600)")
    program.send(signal.SIGTERM)
    program.read_until("stopped")
    program.send(signal.SIGINT)
    assert program.end()[0] == 128 + signal.SIGINT


async def test_a_stop_from_within_leaves_the_signals_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = StopSignal(timedelta(seconds=1))
    with stop.installed():
        stop.ask()
        await stop.wait()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
