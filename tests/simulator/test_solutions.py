"""Solutions are created, asked for and listed on paths of their own, and elsewhere unknown."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from fakes.kling_caller import NEW_VIDEO, KlingCaller
from fakes.kling_orders import BODIES

from kling_daemon.kling.endpoints import REGISTRY
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

PATHS = [endpoint.path for endpoint in REGISTRY if endpoint.is_solution]
SUBTITLES = "/solutions/drama_subtitle"


@dataclass
class World:
    kling: KlingCaller
    clock: ManualClock
    simulator: Simulator

    async def ended(self, path: str, **body) -> str:
        created = await self.kling.create(path, **(BODIES.get(path, {}) | body))
        self.clock.advance(70)
        self.simulator.step()
        return created["id"]

    async def ask(self, **query: str):
        status, answer = await self.kling.call("GET", "/solutions", params=query)
        assert status == 200, answer
        return answer["data"]


@pytest.fixture
async def world(steady: SimulatorSettings) -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        yield World(kling, clock, simulator)


@pytest.mark.parametrize("path", PATHS)
async def test_a_solution_is_found_by_its_id(world, path):
    task_id = await world.ended(path)
    (entry,) = await world.ask(task_ids=task_id)
    assert (entry["id"], entry["status"]) == (task_id, "succeeded")
    assert entry["outputs"]


async def test_the_query_for_tasks_knows_no_solution_and_the_other_way_round(world):
    solution, task = await world.ended(SUBTITLES), await world.ended(NEW_VIDEO)
    both = f"{solution},{task}"
    assert [entry["id"] for entry in await world.kling.tasks(task_ids=both)] == [task]
    assert [entry["id"] for entry in await world.ask(task_ids=both)] == [solution]


async def test_solutions_are_found_by_their_external_ids_too(world):
    options = {"options": {"external_task_id": "mine"}}
    task_id = await world.ended(SUBTITLES, **options)
    (entry,) = await world.ask(external_task_ids="mine,none")
    assert (entry["id"], entry["external_id"]) == (task_id, "mine")
    assert await world.kling.tasks(external_task_ids="mine") == []
    status, answer = await world.kling.call("POST", SUBTITLES, json=BODIES[SUBTITLES] | options)
    assert (status, answer["message"]) == (400, "External_task_id mine already exists")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"task_ids": ""}, "exactly one"),
        ({"task_ids": "1", "external_task_ids": "2"}, "exactly one"),
        ({"task_ids": ",".join(map(str, range(21)))}, "cannot exceed 20"),
        ({"external_task_ids": ",".join(map(str, range(21)))}, "cannot exceed 20"),
    ],
)
async def test_no_id_both_kinds_and_too_many_are_refused(world, query, message):
    status, answer = await world.kling.call("GET", "/solutions", params=query)
    assert (status, answer["code"]) == (400, 1201)
    assert message in answer["message"]


async def test_twenty_unknown_ids_are_simply_missing(world):
    assert await world.ask(task_ids=",".join(map(str, range(20)))) == []


async def test_the_list_of_solutions_holds_nothing_else(world):
    solution = await world.ended(SUBTITLES)
    await world.ended(NEW_VIDEO)
    status, answer = await world.kling.call("POST", "/solutions", json={})
    assert status == 200
    assert [entry["id"] for entry in answer["data"]["result"]] == [solution]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_opens_no_solutions(method):
    clock = ManualClock()
    settings = SimulatorSettings(access_key="ak", secret_key="sk")
    token = KeyPair(access_key="ak", secret_key="sk").token(clock.now().timestamp())
    async with Simulator(settings, clock).serve() as url, KlingCaller.at(url, token) as kling:
        status, answer = await kling.call(method, "/solutions")
    assert (status, answer["code"]) == (401, 1002)
