import json
import os
import resource
import stat
from dataclasses import replace
from io import FileIO

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller

from kling_daemon.clock import SystemClock
from kling_daemon.simulator import Simulator
from kling_daemon.simulator.traffic.exchanges import Side
from kling_daemon.simulator.traffic.masks import Masks
from kling_daemon.simulator.traffic.reading import read_recording
from kling_daemon.simulator.traffic.recorder import Recorder
from kling_daemon.standard_webhooks import Secret

SECRET = Secret(name="s", key=b"geheim")


def fail(message):
    raise AssertionError(message)


def recording_into(path, **given):
    return Recorder.into(
        path, SystemClock(), **{"source": "simulator", "keep_prompts": False, "on_failure": fail} | given
    )


async def test_all_that_is_asked_answered_and_called_back_is_recorded_in_order(swift, tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path) as recorder:
        simulator = Simulator(replace(swift, secrets=(SECRET,), forge=0.5, seed=3), recorder=recorder)
        async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
            job = await kling.create(NEW_VIDEO, options={"callback_url": sink.url, "external_task_id": "e"})
            await simulator.idle()
            await kling.tasks(task_ids=job["id"])
            await kling.call("GET", f"{LEGACY_VIDEO}/nobody")
            await kling.call("GET", "/simulator/stats")
            simulator.change(outage=True, outage_answer="dropped")
            with pytest.raises(Exception, match="isconnect"):
                await kling.call("POST", NEW_VIDEO, json={"prompt": "a lighthouse"})
            simulator.change(outage_answer="html")
            async with kling.session.get("/tasks?task_ids=1", headers={"Authorization": "Bearer a.b.c"}) as answer:
                await answer.read()
    exchanges = read_recording(path)
    asked = [exchange for exchange in exchanges if exchange.side == Side.KLING]
    called = [exchange for exchange in exchanges if exchange.side == Side.CALLBACK]
    assert [(one.method, one.status, one.credentials) for one in asked] == [
        ("POST", 200, "key"),
        ("GET", 200, "key"),
        ("GET", 400, "key"),
        ("POST", None, "key"),
        ("GET", 502, "token"),
    ]
    assert asked[0].body["options"]["callback_url"] == called[0].target == "http://receiver.invalid/webhooks/kling"
    assert asked[1].answer["data"][0]["id"] == job["id"]
    assert "Bad Gateway" in asked[4].answer["text"]
    true = [one for one in called if one.signature == "valid"]
    assert [one.body["status"] for one in true] == ["submitted", "processing", "succeeded"]
    assert len(called) > 3
    assert all(one.status == 200 for one in called)
    assert [one.at for one in exchanges] == sorted(one.at for one in exchanges)


async def test_nothing_secret_is_in_the_file(swift, tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path) as recorder:
        simulator = Simulator(replace(swift, secrets=(SECRET,), api_key="sk-geheim"), recorder=recorder)
        async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url, "sk-geheim") as kling:
            hook = f"{sink.url}/0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d.geheimgeheim"
            await kling.create(NEW_VIDEO, prompt="geheim, really", options={"callback_url": hook})
            await kling.create(LEGACY_VIDEO, prompt="geheim, really", callback_url=hook)
            await simulator.idle()
            await kling.call("POST", NEW_VIDEO, data=b"geheim, and no JSON")
        files = [file["url"] for task in simulator.tasks() for file in task["files"]]
        answered = {received.headers["webhook-signature"] for received in sink.received}
    written = path.read_text()
    assert "geheim" not in written
    assert sink.url not in written
    for signature in answered:
        assert signature not in written
    for url in files:
        assert url not in written
        assert url.split("?")[0] in written


async def test_a_callback_url_that_is_none_stops_no_recording(swift, tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path) as recorder:
        simulator = Simulator(swift, recorder=recorder)
        async with simulator.serve() as url, KlingCaller.at(url) as kling:
            await kling.create(NEW_VIDEO, options={"callback_url": "http://[nonsense"})
            await simulator.idle()
            assert simulator.stats()["answers"] == {"unreachable": 3}
            await kling.call("GET", "/tasks?task_ids=1")
    assert [one.status for one in read_recording(path)] == [200, None, None, None, 200]


def test_the_file_is_its_owner_s_alone_and_never_overwrites_another(tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["prompts"] == "masked"
    with pytest.raises(FileExistsError), recording_into(path):
        pass


def test_a_head_that_cannot_be_written_leaves_no_file(tmp_path):
    path = tmp_path / "r.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"), recording_into(path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not path.exists()


async def test_a_body_that_cannot_be_read_is_refused_and_recorded(swift, tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path) as recorder:
        async with Simulator(swift, recorder=recorder).serve() as url, KlingCaller.at(url) as kling:
            async with kling.session.post(NEW_VIDEO, data=b"no gzip", headers={"Content-Encoding": "gzip"}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (400, 1201)
            await kling.call("GET", "/tasks?task_ids=1")
    assert [one.status for one in read_recording(path)] == [400, 200]


def test_a_full_disk_is_told_once_and_stops_no_traffic():
    told = []
    with FileIO("/dev/full", "w") as full:
        recorder = Recorder(full, SystemClock(), Masks(), on_failure=told.append)
        for _ in range(3):
            recorder.asked(0.0, "GET", "/tasks", {}, b"", status=200, answer=b"{}")
    assert told == [f"the recording has ended: {os.strerror(28)}"]


def test_what_was_cut_off_by_a_crash_is_passed_over(tmp_path):
    path = tmp_path / "r.jsonl"
    with recording_into(path) as recorder:
        recorder.asked(SystemClock().monotonic(), "GET", "/tasks", {}, b"", status=200)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"side": "kl')
    assert len(read_recording(path)) == 1


def test_a_recording_of_nothing_is_one(tmp_path):
    with recording_into(tmp_path / "r.jsonl"):
        pass
    assert read_recording(tmp_path / "r.jsonl") == []
