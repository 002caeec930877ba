import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.dispatching import until
from fakes.local_api import TOKEN, LocalApi, daemon_and_api, local_api
from fakes.running_daemon import free_port

from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError, Target
from kling_daemon.config import TcpAddress
from kling_daemon.jobs import JobState


async def ended(api: LocalApi, state=JobState.SUCCEEDED):
    job = await api.make_job()
    await api.report(job, state)
    return job


async def some(stream, count):
    async with asyncio.timeout(20):
        return [await anext(stream) for _ in range(count)]


async def test_events_come_as_they_happen_with_the_job_as_it_was(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api), asyncio.TaskGroup() as tasks:
        stream = daemon.events(types=["job.completed", "job.failed"])
        waiting = tasks.create_task(some(stream, 2), name="listener")
        await until(lambda: api.tail.listeners == 1)
        jobs = [await ended(api), await ended(api, JobState.FAILED)]
        events = await waiting
        assert [(event.job_id, event.type, event.job.state) for event in events] == [
            (jobs[0].id, "job.completed", "succeeded"),
            (jobs[1].id, "job.failed", "failed"),
        ]
        assert stream.cursor == events[-1].cursor
        assert events == (await daemon.list_events(types=["job.completed", "job.failed"], oldest_first=True)).items
        await stream.aclose()


async def test_a_stream_goes_on_over_restarts_and_neither_loses_nor_doubles(tmp_path):
    address = TcpAddress(host="127.0.0.1", port=free_port())
    target, losses = Target(url=f"http://{address}", token=TOKEN, token_from="the test"), []
    async with Daemon(target) as daemon:
        stream = daemon.events(on_loss=losses.append)
        async with local_api(tmp_path, address=address) as api, asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(some(stream, 2), name="listener")
            await until(lambda: api.tail.listeners == 1)
            await ended(api)  # three events, of which one is left for after the restart
        seen = await waiting
        for _ in range(2):
            async with local_api(tmp_path, address=address) as api:
                await ended(api)
                seen += await some(stream, 3)
        async with local_api(tmp_path, address=address):
            seen += await some(stream, 1)
            everything = await daemon.list_events(oldest_first=True)
        assert seen == everything.items
        assert len(seen) == 9
        assert losses
        await stream.aclose()


async def test_a_stream_that_got_nothing_yet_loses_nothing_either(tmp_path):
    address = TcpAddress(host="127.0.0.1", port=free_port())
    async with Daemon(Target(url=f"http://{address}", token=TOKEN, token_from="the test")) as daemon:
        stream = daemon.events()
        async with asyncio.TaskGroup() as tasks:
            async with local_api(tmp_path, address=address):
                waiting = tasks.create_task(some(stream, 1), name="listener")
                await until(lambda: stream.cursor is not None)
            async with local_api(tmp_path, address=address) as api:
                job = await ended(api)
                assert [event.job_id for event in await waiting] == [job.id]
        await stream.aclose()


async def test_another_process_goes_on_with_the_cursor(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        (first, *_) = (await daemon.list_events(oldest_first=True)).items
        stream = daemon.events(cursor=first.cursor)
        assert [event.type for event in await some(stream, 2)] == ["job.status_changed", "job.completed"]
        await stream.aclose()


async def test_a_loop_that_is_left_leaves_the_daemon_no_listener(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        (first, *_) = (await daemon.list_events(oldest_first=True)).items
        async for event in daemon.events(cursor=first.cursor):
            assert event.type == "job.status_changed"
            break
        await until(lambda: api.tail.listeners == 0)


async def test_a_reader_that_is_cancelled_leaves_the_daemon_no_listener(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        stream = daemon.events()

        async def read():
            async with stream:
                await anext(stream)

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read(), name="reader")
            await until(lambda: stream.cursor is not None)
            assert api.tail.listeners == 1
            reading.cancel()
        await until(lambda: api.tail.listeners == 0)
        await ended(api)
        assert (await some(stream, 1))[0].previous_state is None
        await stream.aclose()


async def test_a_refusal_ends_a_stream(tmp_path):
    async with local_api(tmp_path) as api:
        wrong = Target(url=api.target.url, token="x" * 40, token_from="the test")
        async with Daemon(wrong) as daemon:
            with pytest.raises(DaemonError, match="refuses the token, which is taken from the test") as refused:
                await anext(daemon.events())
            assert refused.value.status == 401
        async with Daemon(api.target) as daemon:
            with pytest.raises(DaemonError, match="no job has this id"):
                await anext(daemon.events(job="nothing"))


async def test_where_no_daemon_is_to_begin_with_none_is_waited_for():
    async with Daemon(Target(url=f"http://127.0.0.1:{free_port()}", token=TOKEN, token_from="the test")) as daemon:
        with pytest.raises(DaemonUnreachableError, match="no daemon answers"):
            await anext(daemon.events())


async def test_a_daemon_that_stays_away_is_waited_for_no_longer_than_the_patience(tmp_path):
    address = TcpAddress(host="127.0.0.1", port=free_port())
    async with Daemon(Target(url=f"http://{address}", token=TOKEN, token_from="the test")) as daemon:
        stream = daemon.events(patience=timedelta(milliseconds=100))
        async with asyncio.TaskGroup() as tasks:
            async with local_api(tmp_path, address=address):
                waiting = tasks.create_task(raised_by(stream), name="listener")
                await until(lambda: stream.cursor is not None)
            assert isinstance(await waiting, DaemonUnreachableError)


async def raised_by(stream):
    try:
        await anext(stream)
    except DaemonUnreachableError as error:
        return error


@asynccontextmanager
async def some_server(text, content_type):
    async def answer(_request):
        return web.Response(text=text, content_type=content_type)

    application = web.Application()
    application.router.add_get("/api/v1/events", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Target(url=f"http://127.0.0.1:{runner.addresses[0][1]}", token=TOKEN, token_from="the test")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("text", "kind"), [("{}", "application/json"), ("data: 1\n\n", "text/event-stream")])
async def test_what_is_no_daemon_is_told_so(text, kind):
    async with some_server(text, kind) as target, Daemon(target) as daemon:
        with pytest.raises(DaemonError, match="kling-daemon"):
            await anext(daemon.events())
