import asyncio

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator
from kling_daemon.testing.clock import ManualClock


async def test_what_a_test_raises_comes_out_as_it_is(swift):
    with pytest.raises(LookupError, match="mine"):
        async with Simulator(swift).serve():
            raise LookupError("mine")


async def test_a_port_in_use_is_an_error(swift):
    async with Simulator(swift).serve() as url:
        with pytest.raises(OSError, match="in use"):
            async with Simulator(swift).serve(port=int(url.rpartition(":")[2])):
                pass


async def test_a_client_that_hangs_up_amid_its_body_is_borne_without_a_word(swift, caplog):
    async with Simulator(swift).serve() as url, KlingCaller.at(url) as kling:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        head = f"POST {NEW_VIDEO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer simulator\r\nContent-Length: 99\r\n\r\n"
        writer.write(head.encode() + b'{"pro')
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert await kling.tasks(task_ids="1") == []
    assert caplog.records == []


async def test_it_listens_on_ipv6_too(swift):
    async with Simulator(swift).serve("::1") as url, KlingCaller.at(url) as kling:
        assert url.startswith("http://[::1]:")
        created = await kling.create(NEW_VIDEO)
        assert created["status"] == "submitted"


async def test_jobs_survive_between_two_servings(steady):
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        created = await kling.create(NEW_VIDEO)
    clock.advance(70)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await simulator.idle()
        assert (await kling.tasks(task_ids=created["id"]))[0]["status"] == "succeeded"


async def test_result_addresses_bear_the_host_that_the_client_used(swift):
    simulator = Simulator(swift)
    async with simulator.serve() as url, KlingCaller.at(url.replace("127.0.0.1", "localhost")) as kling:
        await kling.create(NEW_VIDEO)
        await simulator.idle()
    assert simulator.tasks()[0]["files"][0]["url"].startswith("http://localhost:")


async def test_five_hundred_jobs_are_done_within_seconds(swift):
    simulator = Simulator(swift)
    async with (
        asyncio.timeout(20),
        CallbackSink.serve() as sink,
        simulator.serve() as url,
        KlingCaller.at(url) as kling,
    ):
        for _ in range(500):
            await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        await simulator.idle()
    assert simulator.stats()["answers"] == {"200": 1500}
    assert len({task["id"] for task in simulator.tasks()}) == 500
    assert len({file["sha256"] for task in simulator.tasks() for file in task["files"]}) == 500
