import asyncio
from dataclasses import replace
from datetime import timedelta

import aiohttp
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator
from kling_daemon.simulator.faults import Fault

SEEN = {
    (500, 5000): Fault.SERVER_ERROR,
    (503, 5001): Fault.MAINTENANCE,
    (504, 5002): Fault.TIMEOUT,
    (429, 1302): Fault.TOO_FAST,
}


async def seen(kling, **body):
    """Create, and return what that looks like from outside: a fault, `cut` or `ok`."""
    try:
        async with kling.session.post(NEW_VIDEO, json={"prompt": "x", **body}) as answer:
            if answer.content_type == "text/html":
                return Fault.HTML
            found = await answer.json()
            return "ok" if answer.status == 200 else SEEN[answer.status, found["code"]]
    except aiohttp.ClientError:
        return "cut"


async def test_http_errors_come_in_every_kind_and_create_nothing(swift):
    simulator = Simulator(replace(swift, http_errors=1.0))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        outcomes = {await seen(kling) for _ in range(60)}
    assert outcomes == {*SEEN.values(), Fault.HTML, "cut"}
    assert set(simulator.stats()["faults"]) == set(Fault)
    assert simulator.tasks() == []


async def test_an_ambiguous_create_exists_and_a_look_up_finds_it(swift):
    simulator = Simulator(replace(swift, ambiguous_creates=1.0))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        outcomes = set()
        for number in range(60):
            name = f"mine-{number}"
            outcomes.add(await seen(kling, options={"external_task_id": name}))
            assert [task["external_id"] for task in await kling.tasks(external_task_ids=name)] == [name]
        assert outcomes == {Fault.SERVER_ERROR, Fault.MAINTENANCE, Fault.TIMEOUT, Fault.HTML, "cut"}
        status, answer = await kling.call(
            "POST", NEW_VIDEO, json={"prompt": "x", "options": {"external_task_id": "mine-0"}}
        )
        assert (status, answer["message"]) == (400, "External_task_id mine-0 already exists")
        await simulator.idle()
    assert simulator.stats()["faults"]["ambiguous"] == 60
    assert simulator.stats()["billed"]["tasks"] == 60


async def test_a_rate_is_a_share_of_requests(swift):
    simulator = Simulator(replace(swift, http_errors=0.25))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        outcomes = [await seen(kling) for _ in range(200)]
    assert 0.6 < outcomes.count("ok") / 200 < 0.9
    assert len(simulator.tasks()) == outcomes.count("ok")


async def test_an_outage_answers_nothing_and_jobs_go_on(swift):
    simulator = Simulator(swift)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        created = await kling.create(NEW_VIDEO)
        simulator.change(outage=True)
        assert await seen(kling) is Fault.MAINTENANCE
        assert (await kling.call("GET", "/tasks", params={"task_ids": "1"}))[0] == 503
        await simulator.idle()
        simulator.change(outage=False)
        assert (await kling.tasks(task_ids=created["id"]))[0]["status"] == "succeeded"


async def test_leaving_does_not_wait_for_a_request_that_hangs(swift):
    simulator = Simulator(replace(swift, http_errors=1.0, hang=timedelta(hours=1)))
    outcomes = []
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        async with simulator.serve() as url, KlingCaller.at(url) as kling:
            while not simulator.stats()["faults"].get(Fault.SILENCE):
                outcomes.append(group.create_task(seen(kling), name="create"))
                await asyncio.wait(outcomes, return_when=asyncio.FIRST_COMPLETED)
        assert "cut" in {await outcome for outcome in outcomes}
