"""One notice per cause, told once and cleared when it is over; a store that fails stops nobody."""

from contextlib import asynccontextmanager

import pytest
from fakes.asking import asking
from fakes.dispatching import world

from kling_daemon.events import NoticeKind
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import KlingHealth, NoticeBoard

SILENT = NoticeKind.KLING_SILENT


@asynccontextmanager
async def board(directory):
    async with world(directory) as here:
        counted = []
        with here.bus.subscribe(["notice"]) as listener:
            yield here, NoticeBoard(here.store, here.bus, here.clock, count=counted.append), counted, listener


async def open_notices(here):
    return [(notice.kind, notice.subject) for notice in await here.store.read.open_notices()]


async def test_a_notice_is_stored_counted_and_told_once_however_often_its_cause_recurs(tmp_path):
    async with board(tmp_path) as (here, notices, counted, listener):
        for _ in range(3):
            await notices.put_up(SILENT, "default", "Kling is silent.")
        await notices.put_up(SILENT, "other", "Kling is silent there, too.")
        assert await open_notices(here) == [(SILENT, "default"), (SILENT, "other")]
        assert counted == ["kling.silent"] * 2
        assert [(await listener.get()).subject for _ in range(2)] == ["default", "other"]


async def test_a_notice_that_was_taken_down_may_be_raised_again(tmp_path):
    async with board(tmp_path) as (here, notices, counted, _):
        await notices.put_up(SILENT, "default", "Kling is silent.")
        assert await notices.take_down(SILENT, "default") is True
        assert await open_notices(here) == []
        assert await notices.take_down(SILENT, "default") is True
        await notices.put_up(SILENT, "default", "Kling is silent again.")
        assert len(counted) == 2


async def test_a_store_that_fails_does_not_stop_what_the_notice_is_about(tmp_path):
    async with board(tmp_path) as (_, notices, counted, _):
        pass
    await notices.put_up(SILENT, "default", "Kling is silent.")
    assert counted == []
    assert await notices.take_down(SILENT, "default") is False


async def test_a_notice_that_could_not_be_cleared_is_cleared_by_the_next_good_answer(tmp_path):
    clock = ManualClock()
    async with asking(tmp_path, "http://127.0.0.1:9", clock=clock) as here:
        unlucky = Unlucky(NoticeBoard(here.store, here.bus, clock))
        health = KlingHealth(unlucky, clock)
        await health.failed(KlingError(ErrorKind.CREDENTIALS, "no"))
        await health.answered()
        assert await here.notices() == ["kling.credentials"]
        unlucky.luck = True
        await health.answered()
        assert await here.notices() == []


class Unlucky:
    """A board that cannot take anything down for a while."""

    def __init__(self, board):
        self.board = board
        self.luck = False

    async def put_up(self, *notice):
        await self.board.put_up(*notice)

    async def take_down(self, kind, subject):
        return self.luck and await self.board.take_down(kind, subject)


@pytest.mark.parametrize("kind", set(ErrorKind) - {ErrorKind.CREDENTIALS, ErrorKind.NO_API_KEY})
async def test_which_errors_say_that_kling_is_there_and_knows_us(tmp_path, kind):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        await here.health.failed(KlingError(ErrorKind.CREDENTIALS, "no"))
        await here.health.failed(KlingError(kind, "said"))
        silent = kind.may_have_created or kind is ErrorKind.UNREACHABLE
        raised = {"kling.balance"} if kind is ErrorKind.BALANCE else set()
        kept = {"kling.credentials"} if silent or kind.refuses_us else set()
        assert set(await here.notices()) == raised | kept


async def test_that_creates_wait_for_an_api_key_is_told_once_until_the_next_start(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        for _ in range(3):
            await here.health.failed(KlingError(ErrorKind.NO_API_KEY, "an API key only"))
            await here.health.answered()
        history = await here.store.read.open_notices()
        assert [(notice.kind.value, notice.subject) for notice in history] == [("kling.credentials", "new generation")]
        next_run = KlingHealth(here.board, here.clock)
        await next_run.answered()
        assert await here.notices() == []
        await next_run.failed(KlingError(ErrorKind.NO_API_KEY, "an API key only"))
        await next_run.answered()
        assert await here.notices() == ["kling.credentials"]


async def test_silence_is_counted_from_the_first_failure_after_the_last_answer(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        failure = KlingError(ErrorKind.NO_ANSWER, "no answer within 30 s")
        for _ in range(3):
            await here.health.failed(failure)
            here.clock.advance(4 * 60)
            await here.health.failed(failure)
            await here.health.answered()
        assert await here.notices() == []
        await here.health.failed(failure)
        here.clock.advance(5 * 60)
        await here.health.failed(failure)
        (notice,) = await here.store.read.open_notices()
        assert "since 2026-09-01 12:12 UTC" in notice.message
