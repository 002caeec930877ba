import asyncio
import os
import signal

import pytest

from kling_daemon.cli.interruption import SIGNALS, InterruptedExit, run_interruptibly


async def answer():
    return 42


def test_work_that_nobody_interrupts_returns_what_it_returns():
    assert run_interruptibly(answer()) == 42


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_work_in_order_and_the_status_tells_which(number):
    cleared = []

    async def work():
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleared.append(number)

    with pytest.raises(InterruptedExit) as raised:
        run_interruptibly(work())
    assert cleared == [number]
    assert raised.value.status == 128 + number


def test_work_that_is_cancelled_otherwise_is_not_called_interrupted():
    async def work():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_interruptibly(work())


def test_afterwards_ctrl_c_means_what_it_meant_before():
    before = signal.getsignal(signal.SIGINT)
    run_interruptibly(answer())
    assert signal.getsignal(signal.SIGINT) == before
