import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from fakes.dispatching import NoHttp, Witness, configured, until, world

from kling_daemon.backoff import Backoff
from kling_daemon.contexts import HandlerContext
from kling_daemon.dispatch.keeper import Keeper
from kling_daemon.dispatch.status import Openness
from kling_daemon.tracking import NoticeBoard

MOMENT = timedelta(milliseconds=1)


def keeper(here, open_, **settings) -> Keeper:
    context = HandlerContext(
        name="w", log=structlog.get_logger().bind(handler="w"), data_dir=here.directory / "w", http=NoHttp()
    )
    return Keeper(
        configured("w", open_),
        context,
        board=NoticeBoard(here.store, here.bus, here.clock),
        on_open=lambda: None,
        random=lambda: 0.5,
        **settings,
    )


async def test_an_opening_that_fails_while_it_is_given_up_is_not_begun_again(tmp_path):
    tries = []

    @asynccontextmanager
    async def open_(_context):
        tries.append("open")
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("cleaning up failed")
        yield

    async with world(tmp_path) as here:
        kept = keeper(here, open_, reopening=Backoff(least=MOMENT, longest=MOMENT))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept.run(), name="keeper")
            await until(lambda: bool(tries))
            kept.stop()
    assert (tries, kept.openness) == (["open"], Openness.STOPPED)


async def test_a_handler_that_hangs_while_it_closes_is_cut_off(tmp_path):
    closing = []

    @asynccontextmanager
    async def open_(_context):
        yield Witness()
        closing.append("begun")
        await asyncio.Event().wait()

    async with world(tmp_path) as here:
        kept = keeper(here, open_, close_timeout=MOMENT)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept.run(), name="keeper")
            await until(lambda: kept.openness is Openness.OPEN)
            kept.stop()
    assert closing == ["begun"]
    assert kept.invoke is None


async def test_a_folder_that_cannot_be_made_keeps_the_handler_closed(tmp_path):
    async with world(tmp_path) as here:
        (here.directory / "w").write_text("in the way")
        kept = keeper(here, Witness().open)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept.run(), name="keeper")
            await until(lambda: kept.openness is Openness.CLOSED)
            assert kept.reason is not None
            assert kept.reason.startswith("FileExistsError")
            kept.stop()
