"""What Kling has retired or forbids is refused when it is created, and goes on when it was created before."""

from dataclasses import replace

import pytest
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.kling_orders import BODIES

from kling_daemon.simulator import Simulator
from kling_daemon.testing import ManualClock

RETIRED = "/v1/videos/multi-image2video"
REFUSED = {"retired": (404, 1203), "forbidden": (403, 1103)}


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        (NEW_VIDEO, {"prompt": "x"}, "kling-3.0"),
        (NEW_VIDEO, {"prompt": "x"}, NEW_VIDEO),
        (NEW_VIDEO, {"prompt": "x"}, "/text-to-video"),
        (LEGACY_VIDEO, {"model_name": "kling-v1", "prompt": "x"}, "kling-v1"),
        (RETIRED, BODIES[RETIRED], RETIRED),
    ],
)
@pytest.mark.parametrize("setting", ["retired", "forbidden"])
async def test_creates_that_name_it_are_refused(steady, path, body, name, setting):
    simulator = Simulator(replace(steady, **{setting: ("other", name)}), ManualClock())
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        seen, answer = await kling.call("POST", path, json=body)
        assert (seen, answer["code"]) == REFUSED[setting]
        assert simulator.tasks() == []
        simulator.change(**{setting: []})
        await kling.create(path, **body)


async def test_what_was_created_before_goes_on(steady):
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        created = await kling.create(NEW_VIDEO)
        simulator.change(retired="kling-3.0, kling-2.6")
        clock.advance(70)
        simulator.step()
        (entry,) = await kling.tasks(task_ids=created["id"])
    assert entry["status"] == "succeeded"


@pytest.mark.parametrize(
    "question",
    [
        ("GET", "/tasks", {"params": {"task_ids": "1"}}),
        ("POST", "/tasks", {"json": {}}),
        ("GET", "/solutions", {"params": {"task_ids": "1"}}),
        ("POST", "/solutions", {"json": {}}),
        ("GET", LEGACY_VIDEO, {}),
        ("GET", LEGACY_VIDEO + "/1", {}),
        ("GET", "/account/costs", {"params": {"start_time": "0", "end_time": "1"}}),
    ],
)
@pytest.mark.parametrize(("code", "status"), [(1000, 401), (1302, 429), (1304, 429), (5000, 500)])
async def test_every_question_can_be_refused_with_any_code_while_creates_go_on(steady, question, code, status):
    simulator = Simulator(replace(steady, refuse_queries=code), ManualClock())
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        method, path, given = question
        seen, answer = await kling.call(method, path, **given)
        assert (seen, answer["code"]) == (status, code)
        await kling.create(NEW_VIDEO)
