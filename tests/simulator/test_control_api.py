import hashlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import LEGACY_IMAGE, NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator


@pytest.fixture
async def simulator(swift):
    return Simulator(replace(swift, fail=1))


async def test_everything_is_shown_without_a_key(simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as kling, aiohttp.ClientSession(url) as anyone:
        await kling.create(NEW_VIDEO, prompt="[simulate: moderation]", options={"external_task_id": "a"})
        await kling.create(LEGACY_IMAGE, n=2, model_name="kling-v2")
        await kling.tasks(task_ids="1")
        await simulator.idle()
        async with anyone.get("/simulator/tasks") as answer:
            failed, images = await answer.json()
        async with anyone.get("/simulator/stats") as answer:
            stats = await answer.json()
    assert (failed["external_id"], failed["state"], failed["files"]) == ("a", "failed", [])
    assert (images["endpoint"], images["model"], images["units"]) == (LEGACY_IMAGE, "kling-v2", "2")
    assert len({file["sha256"] for file in images["files"]}) == 2
    assert stats["requests"] == {"create": 2, "query": 1}
    assert (stats["created"], stats["unfinished"], stats["idle"]) == (2, 0, True)
    assert stats == simulator.stats()


async def test_each_callback_is_told_with_its_answer(swift):
    simulator = Simulator(replace(swift, retries=1, retry_after=timedelta(milliseconds=1)))
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        sink.answers = [503]
        job = await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        await simulator.idle()
        _, posted = await kling.call("GET", "/simulator/callbacks")
    assert {callback["id"] for callback in posted} == {job["id"]}
    assert [callback["answer"] for callback in posted] == ["503", "200", "200", "200"]
    assert posted[0]["state"] == "submitted"
    bodies = Counter(hashlib.sha256(received.body).hexdigest() for received in sink.received)
    assert Counter(callback["sha256"] for callback in posted) == bodies


async def test_settings_change_while_it_runs(simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        status, settings = await kling.call("POST", "/simulator/settings", json={"outage": True, "delay": "1s-2s"})
        assert (status, settings["outage"], settings["delay"]) == (200, True, "1s-2s")
        assert (await kling.call("GET", "/simulator/settings")) == (200, settings)
        assert (await kling.call("GET", "/tasks?task_ids=1"))[0] == 503


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"outage": 1, "fail": true}', b"\xff", b"[" * 100_000])
async def test_a_wrong_change_changes_nothing(simulator, body):
    before = simulator.settings
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        status, answer = await kling.call("POST", "/simulator/settings", data=body)
    assert status == 400
    assert answer["error"]
    assert simulator.settings == before


async def test_neither_key_nor_secret_is_shown(swift):
    simulator = Simulator(replace(swift, api_key="sk-hidden"))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        for path in ("settings", "stats", "tasks", "callbacks"):
            assert "hidden" not in str(await kling.call("GET", f"/simulator/{path}"))
