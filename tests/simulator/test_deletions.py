"""A voice or element that was deleted says so itself, while its task has succeeded for all that."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.kling_fixtures import fixture, shape
from fakes.kling_orders import BODIES

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.kling.dialects import read_task
from kling_daemon.reports import Source
from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

VOICES, ELEMENTS = "/v1/general/custom-voices", "/v1/general/advanced-custom-elements"
DELETE = {VOICES: "/v1/general/delete-voices", ELEMENTS: "/v1/general/delete-elements"}
FIELD = {VOICES: "voice_id", ELEMENTS: "element_id"}
LISTED = {VOICES: "voices", ELEMENTS: "elements"}


@dataclass
class World:
    kling: KlingCaller
    clock: ManualClock
    simulator: Simulator

    async def made(self, path: str, **body) -> str:
        created = await self.kling.create(path, **(BODIES.get(path, {}) | body))
        self.clock.advance(70)
        self.simulator.step()
        return created.get("task_id") or created["id"]

    async def legacy(self, path: str, task_id: str):
        _, answer = await self.kling.call("GET", f"{path}/{task_id}")
        return answer["data"], answer["data"]["task_result"][LISTED[path]][0]


@pytest.fixture
async def world(steady: SimulatorSettings) -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        yield World(kling, clock, simulator)


@pytest.mark.parametrize("path", [VOICES, ELEMENTS])
async def test_it_is_told_in_both_dialects_and_can_be_done_once(world, path):
    task_id = await world.made(path)
    _, made = await world.legacy(path, task_id)
    named = {FIELD[path]: made[FIELD[path]]}
    status, answer = await world.kling.call("POST", DELETE[path], json=named)
    assert (status, answer["data"]) == (200, {"task_id": task_id, "task_status": "succeed"})
    task, deleted = await world.legacy(path, task_id)
    (entry,) = await world.kling.tasks(task_ids=task_id)
    assert (task["task_status"], deleted["status"]) == ("succeed", "deleted")
    assert entry["outputs"][0]["id"] == str(made[FIELD[path]])
    assert path == VOICES or made["element_id"] < 2**53
    assert (entry["status"], entry["outputs"][0]["status"]) == ("succeeded", "deleted")
    assert shape(entry["outputs"]) == shape(fixture(f"new_result_{LISTED[path][:-1]}")["data"][0]["outputs"])
    status, answer = await world.kling.call("POST", DELETE[path], json=named)
    assert (status, answer["code"]) == (400, 1201)


async def test_the_other_path_for_elements_deletes_them_too(world):
    _, made = await world.legacy(ELEMENTS, await world.made(ELEMENTS))
    body = {"element_id": str(made["element_id"])}
    status, _ = await world.kling.call("POST", "/v1/general/delete-advanced-elements", json=body)
    assert status == 200


@pytest.mark.parametrize("wrong", [None, "", "x", 7, [], {}, "9" * 5000, "820000000000000901", "٨" * 18])
async def test_what_is_no_voice_is_refused(world, wrong):
    status, answer = await world.kling.call("POST", DELETE[VOICES], json={"voice_id": wrong})
    assert (status, answer["code"]) == (400, 1201)


async def test_neither_a_video_nor_an_unfinished_or_foreign_kind_of_thing_is_deleted(world):
    video, element = await world.made(NEW_VIDEO), await world.made(ELEMENTS)
    unfinished = (await world.kling.create(VOICES, **BODIES[VOICES]))["task_id"]
    ids = [str(int(task_id) + 1) for task_id in (video, unfinished)]
    for id_ in (*ids, "3" + str(int(element) + 1)[4:]):
        status, _ = await world.kling.call("POST", DELETE[VOICES], json={"voice_id": id_})
        assert status == 400


@pytest.mark.parametrize("path", [VOICES, LEGACY_VIDEO, NEW_VIDEO])
async def test_a_job_may_end_as_deleted(world, path):
    wish = "[simulate: deleted]"
    task_id = await world.made(path, **({"voice_name": wish} if path == VOICES else {"prompt": wish}))
    (entry,) = await world.kling.tasks(task_ids=task_id)
    report = read_task(entry, source=Source.POLL, received_at=world.clock.now())
    assert (entry["status"], entry["message"], entry["outputs"]) == ("deleted", "", [])
    assert (report.state, report.reason) == (JobState.FAILED, FailureReason.DELETED)
    assert world.simulator.stats()["billed"]["tasks"] == 0
