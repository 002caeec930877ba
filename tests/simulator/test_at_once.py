"""What Kling answers at once makes no task: the answer is the result, its files can be fetched, and it is billed."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp
import pytest
from fakes.kling_caller import KlingCaller
from fakes.kling_fixtures import fixture, shape

from kling_daemon.kling.endpoints import SYNCHRONOUS
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

SPEECH, FACES = "/v1/audio/tts", "/v1/videos/identify-face"
SELECTION = "/v1/videos/multi-elements/"
POINT = {"session_id": "930000000000000043", "frame_index": 3, "points": [{"x": 0.5, "y": 0.5}]}
BODIES = {
    SPEECH: {"text": "Hello", "voice_id": "oversea_male1", "voice_language": "en"},
    FACES: {"video_id": "820000000000000901"},
    "/v1/videos/image-recognize": {"image": "https://example.com/a.png"},
    SELECTION + "init-selection": {"video_url": "https://example.com/a.mp4"},
    SELECTION + "add-selection": POINT,
    SELECTION + "delete-selection": POINT,
    SELECTION + "clear-selection": {"session_id": "930000000000000043"},
    SELECTION + "preview-selection": {"session_id": "930000000000000043"},
}
FILES = {SPEECH: 1, FACES: 1, "/v1/videos/image-recognize": 4, SELECTION + "init-selection": 1,
         SELECTION + "preview-selection": 3}  # fmt: skip


@dataclass
class World:
    kling: KlingCaller
    clock: ManualClock
    simulator: Simulator

    async def ask(self, path: str, **body):
        status, answer = await self.kling.call("POST", path, json=BODIES[path] | body)
        assert status == 200, answer
        return answer


@pytest.fixture
async def world(steady: SimulatorSettings) -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(steady, clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        yield World(kling, clock, simulator)


def urls_in(value) -> list[str]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [url for part in parts for url in urls_in(part)]
    return [value] if isinstance(value, str) and value.startswith("http") else []


def test_a_body_is_tried_for_every_path():
    assert set(BODIES) == {endpoint.path for endpoint in SYNCHRONOUS}


@pytest.mark.parametrize(("path", "name"), [(SPEECH, "legacy_tts_sync"), (FACES, "legacy_identify_face_sync")])
async def test_it_answers_as_kling_does(world, path, name):
    assert shape(await world.ask(path)) == shape(fixture(name))


@pytest.mark.parametrize("path", BODIES)
async def test_its_files_can_be_fetched_and_no_query_or_list_knows_it(world, path):
    answer = await world.ask(path)
    urls = urls_in(answer)
    assert len(set(urls)) == len(urls) == FILES.get(path, 0)
    async with aiohttp.ClientSession() as session:
        for url in urls:
            async with session.get(url) as file:
                assert file.status == 200
                assert file.headers["Content-Type"].partition("/")[0] in ("audio", "image", "video")
    id_ = answer["data"].get("task_id") or answer["data"].get("session_id") or "0"
    assert await world.kling.tasks(task_ids=id_) == []
    _, listed = await world.kling.call("POST", "/tasks", json={})
    assert listed["data"]["result"] == []
    assert world.simulator.tasks() == []
    assert (world.simulator.stats()["created"], world.simulator.stats()["billed"]["tasks"]) == (0, 1)


@pytest.mark.parametrize("path", BODIES)
async def test_it_does_not_shift_the_choices_of_tasks(world, path):
    for _ in range(2):
        await world.ask(path)
    created = await world.kling.create("/text-to-video/kling-3.0")
    assert created["id"].endswith("0000000100")


async def test_a_selection_tells_its_session_its_frame_and_a_mask_of_its_size(world):
    opened = (await world.ask(SELECTION + "init-selection"))["data"]["session_id"]
    added = (await world.ask(SELECTION + "add-selection", session_id=opened))["data"]
    (mask,) = added["res"]["rle_mask_list"]
    assert (added["session_id"], added["res"]["frame_index"]) == (opened, 3)
    assert runs_of(mask["rle_mask"]["counts"]) == [64 * 64]
    assert base64.b64decode(mask["png_mask"]["base64"]).startswith(b"\x89PNG")


def runs_of(counts: str) -> list[int]:
    """Read COCO's run lengths: five bits a letter, the lowest first."""
    runs, value, shift = [], 0, 0
    for letter in counts:
        bits = ord(letter) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            runs.append(value)
            value = shift = 0
    return runs


@pytest.mark.parametrize("path", BODIES)
async def test_what_is_missing_or_refused_makes_and_bills_nothing(world, path):
    status, answer = await world.kling.call("POST", path, json={})
    assert (status, answer["code"]) == (400, 1201)
    world.simulator.change(refuse_creates=1102)
    status, answer = await world.kling.call("POST", path, json=BODIES[path])
    assert (status, answer["code"]) == (429, 1102)
    world.simulator.change(refuse_creates=0, retired=[path])
    status, answer = await world.kling.call("POST", path, json=BODIES[path])
    assert (status, answer["code"]) == (404, 1203)
    assert world.simulator.stats()["billed"]["tasks"] == 0


async def test_it_is_taken_from_the_same_units(steady):
    simulator = Simulator(replace(steady, pack_units=1), ManualClock())
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        statuses = [(await kling.call("POST", SPEECH, json=BODIES[SPEECH]))[0] for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert simulator.stats()["billed"]["units"] == "1.00"


async def test_a_token_opens_it():
    clock = ManualClock()
    token = KeyPair(access_key="ak", secret_key="sk").token(clock.now().timestamp())
    simulator = Simulator(SimulatorSettings(access_key="ak", secret_key="sk"), clock)
    async with simulator.serve() as url, KlingCaller.at(url, token) as kling:
        status, _ = await kling.call("POST", SPEECH, json=BODIES[SPEECH])
    assert status == 200
