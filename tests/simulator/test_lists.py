"""The new generation's list: page by page with a cursor, filtered, and never moved by what comes meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_IMAGE_TO_VIDEO, NEW_VIDEO, KlingCaller
from fakes.kling_fixtures import fixture, shape

from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock


@dataclass
class World:
    kling: KlingCaller
    clock: ManualClock
    simulator: Simulator

    async def create(self, count: int, path: str = NEW_VIDEO, **body) -> list[str]:
        created = [await self.kling.create(path, **body) for _ in range(count)]
        return [entry.get("id") or entry["task_id"] for entry in created]

    async def page(self, **body):
        status, answer = await self.kling.call("POST", "/tasks", json=body)
        assert status == 200, answer
        return answer["data"]

    async def ids(self, **body) -> list[str]:
        return [entry["id"] for entry in (await self.page(**body))["result"]]


@pytest.fixture
async def world(steady: SimulatorSettings) -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(replace(steady, video_slots=0, image_slots=0), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        yield World(kling, clock, simulator)


async def test_a_page_is_shaped_as_kling_s(world):
    for number in range(2):
        await world.create(1, options={"external_task_id": f"kd-{number}"})
    world.clock.advance(10)
    world.simulator.step()
    status, answer = await world.kling.call("POST", "/tasks", json={"limit": 1})
    assert status == 200
    assert shape(answer) == shape(fixture("new_tasks_cursor_page"))
    assert (answer["data"]["count"], answer["data"]["has_more"]) == (1, True)


async def test_an_empty_list_has_the_same_shape(world):
    assert await world.page() == {"result": [], "count": 0, "next_cursor": "", "has_more": False}


async def test_every_task_comes_once_the_newest_first_although_new_ones_come_meanwhile(world):
    made = await world.create(7)
    seen, cursor, pages = [], None, 0
    while cursor is None or cursor:
        page = await world.page(limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [entry["id"] for entry in page["result"]]
        assert page["count"] == len(page["result"])
        assert page["has_more"] is bool(page["next_cursor"])
        cursor, pages = page["next_cursor"], pages + 1
        await world.create(1)
    assert seen == made[::-1]
    assert pages == 3


async def test_thirty_come_when_nothing_is_said_and_five_hundred_at_most(world):
    await world.create(501)
    assert (await world.page())["count"] == 30
    assert (await world.page(limit=500))["count"] == 500
    status, answer = await world.kling.call("POST", "/tasks", json={"limit": 501})
    assert (status, answer["code"]) == (400, 1201)


async def test_both_generations_are_listed_in_the_new_dialect(world):
    (new,), (legacy,) = await world.create(1), await world.create(1, LEGACY_VIDEO)
    assert await world.ids() == [legacy, new]


async def test_status_and_product_type_filter_each_by_one_word_or_several(world):
    (failed,) = await world.create(1, prompt="[simulate: input]")
    (done,) = await world.create(1, LEGACY_IMAGE)
    world.clock.advance(70)
    world.simulator.step()
    (fresh,) = await world.create(1, NEW_IMAGE_TO_VIDEO)
    assert await world.ids(status="failed") == [failed]
    assert await world.ids(status=["failed", "succeeded"]) == [done, failed]
    assert await world.ids(product_type="image") == [done]
    assert await world.ids(product_type=["image-to-video", "images/generations"]) == [fresh, done]
    assert await world.ids(product_type="video", status="submitted") == [fresh]
    assert await world.ids(status="unheard-of") == []


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": True},
        {"limit": 1.5},
        {"limit": None},
        {"limit": []},
        {"cursor": "nonsense"},
        {"cursor": 5},
        {"cursor": "bnVsbA=="},
        {"cursor": "eyJjIjoiMSJ9"},
        {"cursor": "Ä"},
        {"status": 5},
        {"status": [5]},
        {"product_type": {"a": 1}},
        [],
        "x",
    ],
)
async def test_what_is_no_page_is_refused(world, body):
    status, answer = await world.kling.call("POST", "/tasks", json=body)
    assert (status, answer["code"]) == (400, 1201)


async def test_a_list_may_be_asked_for_without_a_body(world):
    status, _ = await world.kling.call("POST", "/tasks")
    assert status == 200


@pytest.mark.parametrize("query", [{"pageNum": "0"}, {"pageNum": "1001"}, {"pageSize": "501"}, {"pageSize": "x"}])
@pytest.mark.parametrize("path", [LEGACY_VIDEO, LEGACY_IMAGE, "/v1/general/custom-voices"])
async def test_legacy_lists_have_klings_caps(world, path, query):
    status, answer = await world.kling.call("GET", path, params=query)
    assert (status, answer["code"]) == (400, 1201)


async def test_a_legacy_page_behind_the_last_one_is_an_empty_list(world):
    await world.create(1, LEGACY_VIDEO)
    for query in ({"pageNum": "1000", "pageSize": "500"}, {"pageNum": "2"}):
        status, answer = await world.kling.call("GET", LEGACY_VIDEO, params=query)
        assert (status, answer["data"]) == (200, [])
