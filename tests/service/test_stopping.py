import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from kling_daemon.service import StopSignal

LIMIT = 1.0
PROGRAM = f"""
import asyncio, sys, time, threading
from datetime import timedelta
from kling_daemon.service import StopSignal
from kling_daemon.telemetry import configure_logging

configure_logging("json")

async def main():
    stop = StopSignal(timedelta(seconds={LIMIT}))
    with stop.installed():
        print("ready", flush=True)
        {{before}}
        await stop.wait()
        print("asked", flush=True)
        {{after}}

asyncio.run(main())
{{finally_}}
"""


class Child:
    def __init__(self, *, before="pass", after="pass", finally_="", stderr=None):
        program = PROGRAM.format(before=before, after=after, finally_=finally_)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def send(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait_until_asked(self):
        assert self.process.stdout.readline() == "asked\n"

    def ended(self):
        began = time.monotonic()
        status = self.process.wait(timeout=60)
        return status, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_asks_and_the_process_ends_by_itself(number):
    with Child() as child:
        child.send(number)
        assert child.ended()[0] == 0


def test_a_second_signal_ends_it_at_once():
    with Child(after="await asyncio.sleep(3600)") as child:
        child.send()
        child.wait_until_asked()
        child.send()
        assert child.ended()[0] == 128 + signal.SIGTERM


HUNG = {
    "a task": {"after": "await asyncio.sleep(3600)"},
    "the event loop, before it was asked": {"before": "time.sleep(3600)"},
    "the event loop, afterwards": {"after": "time.sleep(3600)"},
    "the event loop, busy": {"before": "[None for _ in iter(int, 1)]"},
    "a thread that the exit waits for": {"finally_": "threading.Thread(target=time.sleep, args=(3600,)).start()"},
}


@pytest.mark.parametrize("hung", HUNG.values(), ids=HUNG)
def test_past_the_limit_the_process_ends_whatever_hangs(hung):
    with Child(**hung) as child:
        child.send()
        status, took = child.ended()
    assert status == 1
    assert took < LIMIT + 10


def test_it_ends_even_if_nobody_reads_the_log():
    reading, writing = os.pipe()
    try:
        with Child(after="[sys.stderr.write('x' * 4096) for _ in range(64)]", stderr=writing) as child:
            child.send()
            assert child.ended()[0] == 1
    finally:
        os.close(reading)
        os.close(writing)


async def test_asked_from_within_it_leaves_the_signals_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = StopSignal(timedelta(seconds=LIMIT))
    with stop.installed():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
        stop.ask()
        async with asyncio.timeout(10):
            await stop.wait()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
