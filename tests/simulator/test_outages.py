import asyncio
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import NEW_VIDEO, KlingCaller
from fakes.running_daemon import free_port

from kling_daemon.clock import SystemClock
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import Simulator
from kling_daemon.simulator.outages import OutageAnswer

STATUSES = {"server_error": 500, "maintenance": 503, "timeout": 504, "html": 502}


async def outcome(kling, method, path):
    try:
        async with kling.session.request(method, path, json={"prompt": "x"}) as answer:
            return answer.status
    except aiohttp.ClientConnectorError:
        return "refused"
    except aiohttp.ClientError:
        return "cut"


async def until(kling, wanted):
    """Ask until the outcome is the wanted one."""
    async with asyncio.timeout(10):
        while await outcome(kling, "GET", "/tasks?task_ids=1") != wanted:
            pass


@pytest.mark.parametrize("answer", [word for word in OutageAnswer if word is not OutageAnswer.REFUSED])
async def test_an_outage_answers_as_it_is_told_and_performs_nothing(swift, answer):
    simulator = Simulator(replace(swift, outage=True, outage_answer=answer))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        expected = STATUSES.get(answer, "cut")
        assert await outcome(kling, "POST", NEW_VIDEO) == expected
        assert await outcome(kling, "GET", "/tasks?task_ids=1") == expected
        simulator.change(outage=False)
        assert await outcome(kling, "POST", NEW_VIDEO) == 200
    assert simulator.stats()["created"] == 1
    # A client asks once more on its own when an old connection was cut.
    assert set(simulator.stats()["faults"]) == {answer}


@pytest.mark.parametrize(("scope", "create", "read"), [("reads", 200, 503), ("creates", 503, 200), ("all", 503, 503)])
async def test_an_outage_can_be_of_reads_or_creates_alone(swift, scope, create, read):
    simulator = Simulator(swift)
    simulator.change(outage=True, outage_of=scope)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        assert await outcome(kling, "POST", NEW_VIDEO) == create
        assert await outcome(kling, "GET", "/tasks?task_ids=1") == read


async def test_connections_are_refused_while_jobs_and_callbacks_go_on_and_the_port_is_kept(swift):
    simulator = Simulator(swift)
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        for _ in range(3):
            simulator.change(outage=True, outage_answer="refused")
            # Until the door is shut, the old connection may get one request through, which is cut.
            await until(kling, "refused")
            await simulator.idle()
            simulator.change(outage=False)
            await until(kling, 200)
    assert [received.status for received in sink.received] == ["submitted", "processing", "succeeded"]


async def test_refused_from_the_start_nobody_is_let_in(swift):
    simulator = Simulator(replace(swift, outage=True, outage_answer=OutageAnswer.REFUSED))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await until(kling, "refused")


async def test_the_control_api_stays_at_an_address_of_its_own(swift):
    simulator, port = Simulator(swift), free_port()
    async with (
        simulator.serve(control=("127.0.0.1", port)) as url,
        KlingCaller.at(url) as kling,
        KlingCaller.at(f"http://127.0.0.1:{port}") as control,
    ):
        await control.call("POST", "/simulator/settings", json={"outage": True, "outage_answer": "refused"})
        await until(kling, "refused")
        assert (await control.call("GET", "/simulator/stats"))[0] == 200
        assert await outcome(control, "POST", NEW_VIDEO) == 404
        await control.call("POST", "/simulator/settings", json={"outage": False})
        await until(kling, 200)


async def test_refusing_connections_over_the_api_needs_a_way_back(swift):
    refused = {"outage": True, "outage_answer": "refused"}
    simulator = Simulator(swift)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        status, answer = await kling.call("POST", "/simulator/settings", json=refused)
        assert (status, "--control" in answer["error"]) == (400, True)
        assert not simulator.settings.outage


async def test_a_clock_that_is_off_shows_in_the_date_and_in_the_times_of_jobs(swift):
    simulator = Simulator(replace(swift, clock_offset=timedelta(hours=-5)))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        job = await kling.create(NEW_VIDEO)
        async with kling.session.get("/tasks?task_ids=1") as answer:
            before = parsedate_to_datetime(answer.headers["Date"])
        simulator.change(clock_offset="1h")
        later = await kling.create(NEW_VIDEO)
        async with kling.session.get("/nowhere") as answer:
            after = parsedate_to_datetime(answer.headers["Date"])
    assert timedelta(hours=6) <= after - before < timedelta(hours=7)
    assert timedelta(hours=6) <= timedelta(milliseconds=later["create_time"] - job["create_time"]) < timedelta(hours=7)


async def test_a_token_that_is_too_early_or_too_late_by_kling_s_clock_is_refused(swift):
    simulator = Simulator(replace(swift, access_key="ak", secret_key="sk"))
    token = KeyPair(access_key="ak", secret_key="sk").token(SystemClock().now().timestamp())
    async with simulator.serve() as url, KlingCaller.at(url, token) as kling:
        for offset, code in (("0s", 0), ("-10m", 1003), ("1h", 1004)):
            simulator.change(clock_offset=offset)
            _, answer = await kling.call("GET", "/v1/videos/text2video")
            assert answer["code"] == code


async def test_late_callbacks_are_overtaken(swift):
    simulator = Simulator(replace(swift, late=0.5, late_by=type(swift.delay).parse("200ms"), seed=4))
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        for _ in range(8):
            await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        await simulator.idle()
    assert simulator.stats()["callbacks"]["late"] > 3
    assert len(sink.received) == 24
    by_job = {}
    for received in sink.received:
        by_job.setdefault(received.json["id"], []).append(received.status)
    assert any(words != ["submitted", "processing", "succeeded"] for words in by_job.values())


async def test_an_unknown_status_word_is_told_while_a_job_is_processed_and_it_ends_all_the_same(swift):
    simulator = Simulator(replace(swift, unknown_status=1.0, fail_other=1.0))
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        await kling.create("/v1/videos/text2video", callback_url=sink.url)
        await simulator.idle()
    words = [received.status for received in sink.received]
    assert {"submitted", "failed"} < set(words)
    assert set(words) - {"submitted", "failed"} <= {"reviewing", "in_queue", "preparing"}
    assert {task["message"] for task in simulator.tasks()} == {"Something went wrong. Please try again later."}
