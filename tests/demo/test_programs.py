import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from kling_daemon.demo import DemoError
from kling_daemon.demo.programs import GuardedProgram

SIMULATE = ("simulate", "--json", "--listen=127.0.0.1:0")


def running(tmp_path, guards, *words, environ=None):
    return GuardedProgram.running(
        "simulator", words or SIMULATE, guards=guards, log=tmp_path / "log", environ=environ or {}, announces=True
    )


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_program_has_ended_when_its_context_is_left(tmp_path):
    async with asyncio.TaskGroup() as guards:
        async with running(tmp_path, guards) as program:
            assert '"url"' in await program.line()
            assert exists(program.pid)
        assert not exists(program.pid)
        assert await program.stop() == 0


async def test_it_has_ended_also_when_the_context_is_left_by_an_error(tmp_path):
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
            raise ValueError("a mistake")
    assert [str(error) for error in raised.value.exceptions] == ["a mistake"]
    assert not exists(program.pid)


async def test_it_has_ended_also_when_everything_is_cancelled_and_cancelled_again(tmp_path):
    begun = asyncio.get_running_loop().create_future()

    async def work():
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
            await program.line()
            begun.set_result(program.pid)
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        pid = await begun
        working.cancel()
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.sleep(0)
        working.cancel()
    assert working.cancelled()
    assert not exists(pid)


async def test_a_program_that_dies_breaks_off_what_goes_on_and_its_last_words_are_told(tmp_path):
    async def work():
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
            await program.line()
            os.kill(program.pid, signal.SIGKILL)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as raised:
        await work()
    (error,) = raised.value.exceptions
    assert isinstance(error, DemoError)
    assert str(error) == "The simulator ended by signal 9."


async def test_a_program_that_cannot_start_tells_why(tmp_path):
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards, "simulate", "--lose=3") as program:
            await program.line()
    for error in raised.value.exceptions:
        assert str(error) == "The simulator ended with status 2."
        assert "lose: a share between 0 and 1" in error.log[-1]


async def test_silence_is_explained_by_the_end_of_the_program(tmp_path):
    async def talk():
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
            await program.line()
            async with program.answering():
                os.kill(program.pid, signal.SIGKILL)
                raise aiohttp.ClientConnectionError("reset by peer")

    with pytest.raises(ExceptionGroup) as raised:
        await talk()
    assert {str(error) for error in raised.value.exceptions} == {"The simulator ended by signal 9."}


async def test_silence_of_a_program_that_lives_is_told_as_such(tmp_path):
    async def talk():
        async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
            await program.line()
            async with program.answering():
                raise TimeoutError

    with pytest.raises(ExceptionGroup) as raised:
        await talk()
    assert [str(error) for error in raised.value.exceptions] == ["The simulator does not answer: TimeoutError"]


async def test_the_users_own_settings_and_keys_do_not_reach_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KLING_API_KEY", "sk-real")
    monkeypatch.setenv("KLING_SIMULATOR_SECRETS", "not a secret")
    async with asyncio.TaskGroup() as guards, running(tmp_path, guards) as program:
        assert '"url"' in await program.line()
        seen = await asyncio.to_thread(Path(f"/proc/{program.pid}/environ").read_bytes)
    assert b"KLING_" not in seen
