from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_IMAGE_TO_VIDEO, LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.kling_orders import BODIES

from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.simulator.refusals import SERVICE_ERRORS
from kling_daemon.testing.clock import ManualClock


@pytest.fixture
async def simulator(steady: SimulatorSettings) -> Simulator:
    return Simulator(steady, ManualClock())


@pytest.fixture
async def kling(simulator: Simulator) -> AsyncIterator[KlingCaller]:
    async with simulator.serve() as url, KlingCaller.at(url) as caller:
        yield caller


@pytest.mark.parametrize("path", [path for path in BODIES if not endpoint_of(path).is_solution])
async def test_every_endpoint_creates_a_task_with_an_id_of_18_digits(kling, path):
    status, answer = await kling.call("POST", path, json=BODIES[path])
    task_id = answer["data"].get("id") or answer["data"]["task_id"]
    assert status == 200
    assert len(task_id) == 18
    assert task_id.isdecimal()
    assert [entry["id"] for entry in await kling.tasks(task_ids=task_id)] == [task_id]


@pytest.mark.parametrize("path", [LEGACY_VIDEO, LEGACY_IMAGE_TO_VIDEO, LEGACY_IMAGE])
async def test_a_legacy_task_is_found_by_its_id_and_by_its_external_id(kling, path):
    _, created = await kling.call("POST", path, json=BODIES[path] | {"external_task_id": "shop/42 ä"})
    task_id = created["data"]["task_id"]
    for key in (task_id, "shop%2F42%20%C3%A4"):
        _, answer = await kling.call("GET", f"{path}/{key}")
        assert answer["data"]["task_id"] == task_id


async def test_a_legacy_query_knows_only_the_tasks_of_its_own_path(kling):
    created = await kling.create(LEGACY_VIDEO)
    status, answer = await kling.call("GET", f"{LEGACY_IMAGE}/{created['task_id']}")
    assert (status, answer["code"]) == (400, 1201)


async def test_ids_and_external_ids_may_be_asked_together_and_each_task_comes_once(kling):
    first = await kling.create(NEW_VIDEO, options={"external_task_id": "a"})
    second = await kling.create(LEGACY_VIDEO, external_task_id="b")
    found = await kling.tasks(task_ids=first["id"], external_task_ids="b,a,none")
    assert [entry["id"] for entry in found] == [first["id"], second["task_id"]]


async def test_twenty_ids_are_allowed_and_ids_of_both_kinds_count_together(kling):
    ids = ",".join(map(str, range(20)))
    assert await kling.tasks(task_ids=ids) == []
    status, answer = await kling.call("GET", "/tasks", params={"task_ids": ids, "external_task_ids": "a"})
    assert (status, answer["message"]) == (400, "cannot exceed 20 in total")


async def test_a_query_for_nothing_is_refused(kling):
    status, answer = await kling.call("GET", "/tasks", params={"task_ids": " ,"})
    assert (status, answer["code"]) == (400, 1201)


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, 1001), ("", 1001), ("Basic c2ltdWxhdG9y", 1000), ("Bearer wrong", 1002), ("Bearer \xff", 1002)],
)
async def test_without_the_right_key_nothing_is_done(simulator, header, code):
    headers = {} if header is None else {"Authorization": header}
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        del kling.session.headers["Authorization"]
        status, answer = await kling.call("POST", NEW_VIDEO, json={"prompt": "x"}, headers=headers)
    assert (status, answer["code"]) == (401, code)
    assert simulator.tasks() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"{}", b'{"prompt": ""}', b'{"prompt": " "}', b'{"prompt": 1}'],
)
async def test_a_body_without_a_prompt_is_refused(kling, simulator, body):
    status, answer = await kling.call("POST", LEGACY_VIDEO, data=body)
    assert (status, answer["code"]) == (400, 1201)
    assert simulator.tasks() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (NEW_VIDEO, {}),
        (LEGACY_IMAGE_TO_VIDEO, {"prompt": "x"}),
        (LEGACY_IMAGE, {"prompt": "x", "n": 0}),
        (LEGACY_IMAGE, {"prompt": "x", "n": 10}),
        (LEGACY_IMAGE, {"prompt": "x", "n": True}),
        (LEGACY_IMAGE, {"prompt": "x", "n": "2"}),
        ("/v1/images/omni-image", {"prompt": "x", "result_type": "series", "series_amount": 10}),
        ("/v1/general/custom-voices", {"voice_url": "https://example.com/a.mp3"}),
        ("/v1/general/custom-voices", {"voice_name": "narrator"}),
        ("/v1/videos/motion-control", {"image_url": "https://example.com/a.png", "prompt": "x"}),
        ("/solutions/drama_subtitle", {"contents": []}),
        (LEGACY_VIDEO, {"prompt": "x", "external_task_id": 7}),
        (LEGACY_VIDEO, {"prompt": "x", "callback_url": ["x"]}),
        (NEW_VIDEO, {"prompt": "x", "options": {"callback_url": {}}}),
    ],
)
async def test_parameters_of_a_wrong_kind_are_refused(kling, path, body):
    status, answer = await kling.call("POST", path, json=body)
    assert (status, answer["code"]) == (400, 1201)


async def test_unknown_fields_and_a_strange_options_are_ignored(kling):
    await kling.create(NEW_VIDEO, options="none", colour="blue", callback_url=5)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", 1203),
        ("POST", "/v1/videos/none", 1203),
        ("POST", "/text-to-video", 1203),
        ("GET", NEW_VIDEO, 1202),
        ("DELETE", LEGACY_VIDEO, 1202),
        ("DELETE", "/tasks", 1202),
        ("POST", "/solutions/none", 1203),
    ],
)
async def test_unknown_paths_and_wrong_methods_are_told_apart(kling, method, path, code):
    status, answer = await kling.call(method, path)
    assert (status, answer["code"]) == (404, code)


async def test_a_slot_is_free_again_when_its_task_has_ended(steady):
    clock = ManualClock()
    simulator = Simulator(replace(steady, video_slots=1), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO)
        status, answer = await kling.call("POST", LEGACY_VIDEO, json={"prompt": "x"})
        assert (status, answer["code"]) == (429, 1303)
        clock.advance(70)
        simulator.step()
        await kling.create(LEGACY_VIDEO)
    assert simulator.stats()["created"] == 2


async def test_an_image_task_takes_as_many_slots_as_images_and_none_of_the_videos(kling):
    await kling.create(LEGACY_IMAGE, n=7)
    status, _ = await kling.call("POST", LEGACY_IMAGE, json={"prompt": "x", "n": 3})
    assert status == 429
    await kling.create(LEGACY_IMAGE, n=2)
    await kling.create(NEW_VIDEO)


async def test_a_second_create_with_the_same_external_id_makes_and_bills_nothing(steady):
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO, options={"external_task_id": "once"})
        status, answer = await kling.call("POST", LEGACY_VIDEO, json={"prompt": "x", "external_task_id": "once"})
        clock.advance(70)
        simulator.step()
    assert (status, answer["message"]) == (400, "External_task_id once already exists")
    assert simulator.stats()["billed"] == {"tasks": 1, "units": "2.5", "cash": "0"}


async def test_a_failed_task_is_not_billed(steady):
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO, prompt="[simulate: input]")
        clock.advance(70)
        simulator.step()
    assert simulator.stats()["billed"] == {"tasks": 0, "units": "0", "cash": "0"}
    assert simulator.stats()["states"] == {"submitted": 1, "processing": 1, "failed": 1}


async def test_what_is_missing_is_named(kling):
    _, answer = await kling.call("POST", "/v1/audio/video-to-audio", json={"prompt": "x"})
    assert answer["message"] == "video_id and video_url cannot be empty at the same time"


@pytest.mark.parametrize("code", SERVICE_ERRORS)
@pytest.mark.parametrize("path", [NEW_VIDEO, LEGACY_VIDEO])
async def test_a_prompt_may_wish_for_a_refusal_by_any_code(kling, simulator, path, code):
    seen, answer = await kling.call("POST", path, json={"prompt": f"x [simulate: {code}]"})
    assert (seen, answer["code"], answer["message"]) == (SERVICE_ERRORS[code][0], code, SERVICE_ERRORS[code][1])
    assert simulator.tasks() == []
    await kling.create(path, prompt="[simulate: 9999] is no code of Kling's")


async def test_a_prompt_may_wish_for_a_refusal_by_content_security(kling, simulator):
    status, answer = await kling.call("POST", NEW_VIDEO, json={"prompt": "[simulate: refused] x"})
    assert (status, answer["code"]) == (400, 1301)
    assert simulator.tasks() == []
