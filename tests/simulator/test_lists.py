"""The new generation's list: page by page with a cursor, filtered, and never moved by what comes meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_IMAGE_TO_VIDEO, NEW_VIDEO, KlingCaller
from fakes.kling_fixtures import fixture, shape

from kling_daemon.clock import to_millis
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


@pytest.mark.parametrize(("path", "usual"), [("/tasks", 100), ("/solutions", 500)])
async def test_so_many_come_when_nothing_is_said_and_five_hundred_at_most(world, path, usual):
    await world.create(501, NEW_VIDEO if path == "/tasks" else "/solutions/virtual_try_on", contents=["x"])
    for body, count in (({}, usual), ({"limit": 500}, 500), ({"limit": 0}, 1), ({"limit": -3}, 1)):
        status, answer = await world.kling.call("POST", path, json=body)
        assert (status, answer["data"]["count"]) == (200, count)
    status, answer = await world.kling.call("POST", path, json={"limit": 501})
    assert (status, answer["code"]) == (400, 1201)


async def test_a_list_goes_from_a_time_on_until_before_another(world):
    made, times = [], []
    for _ in range(4):
        made += await world.create(1)
        times.append(to_millis(world.clock.now()))
        world.clock.advance(60)
    assert await world.ids(start_time=str(times[1]), end_time=str(times[3])) == [made[2], made[1]]
    assert await world.ids(start_time=times[2]) == [made[3], made[2]]
    assert await world.ids(end_time=times[1]) == [made[0]]
    world.clock.advance(timedelta(days=30) - timedelta(seconds=61))
    assert await world.ids() == [made[3]]
    assert await world.ids(start_time=0) == made[::-1]


async def test_a_cursor_bears_the_times_with_which_it_began(world):
    made = await world.create(3)
    began = to_millis(world.clock.now())
    world.clock.advance(60)
    page = await world.page(limit=1, end_time=began + 1)
    await world.create(1)
    rest = await world.page(limit=5, cursor=page["next_cursor"], start_time=began + 1, end_time=began + 2)
    assert [entry["id"] for entry in page["result"] + rest["result"]] == made[::-1]


async def test_both_generations_are_listed_in_the_new_dialect(world):
    (new,), (legacy,) = await world.create(1), await world.create(1, LEGACY_VIDEO)
    assert await world.ids() == [legacy, new]


async def test_status_and_product_type_filter_each_alone_and_together(world):
    (failed,) = await world.create(1, prompt="[simulate: input]")
    (done,) = await world.create(1, LEGACY_IMAGE)
    world.clock.advance(70)
    world.simulator.step()
    (fresh,) = await world.create(1, NEW_IMAGE_TO_VIDEO)
    status, product = partial(filtered, "status"), partial(filtered, "product_type")
    assert await world.ids(filters=status("failed")) == [failed]
    assert await world.ids(filters=status("failed", "succeeded")) == [done, failed]
    assert await world.ids(filters=status("succeed")) == [done]
    assert await world.ids(filters=product("image")) == [done]
    assert await world.ids(filters=product("video", "image")) == [fresh, done, failed]
    assert await world.ids(filters=product("video") + status("submitted")) == [fresh]
    assert await world.ids(filters=product("try_on")) == []
    assert await world.ids(filters=status("unheard-of")) == []
    assert await world.ids(filters=status()) == []
    (dressed,) = await world.create(1, "/v1/images/kolors-virtual-try-on", human_image="x")
    assert await world.ids(filters=product("try_on")) == [dressed]


def filtered(key: str, *values: str) -> list[dict[str, Any]]:
    return [{"key": key, "values": list(values)}]


async def test_solutions_are_filtered_by_status_alone(world):
    filters = filtered("product_type", "video")
    status, answer = await world.kling.call("POST", "/solutions", json={"filters": filters})
    assert (status, answer["code"]) == (400, 1201)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": True},
        {"limit": 1.5},
        {"limit": None},
        {"limit": []},
        {"cursor": "nonsense"},
        {"cursor": 5},
        {"cursor": "bnVsbA=="},
        {"cursor": "eyJjIjoiMSJ9"},
        {"cursor": "Ä"},
        {"cursor": "WzEsMl0="},
        {"start_time": "now"},
        {"end_time": 1.5},
        {"start_time": 2, "end_time": 2},
        {"start_time": "9" * 5000},
        {"filters": {}, "limit": "1"},
        {"filters": {"key": "status"}},
        {"filters": ["status"]},
        {"filters": [{"key": "status"}]},
        {"filters": [{"key": "status", "values": "failed"}]},
        {"filters": [{"key": "status", "values": [1]}]},
        {"filters": [{"key": [], "values": []}]},
        {"filters": [{"key": "colour", "values": []}]},
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
