import json
import time
from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from fakes.callback_sink import CallbackSink
from fakes.dispatching import until
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.running_daemon import SECRET, SECRET_TEXT, running_daemon, trusting

from kling_daemon.cli.simulate import simulate
from kling_daemon.clock import SystemClock
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.simulator.traffic.exchanges import Exchange, Side
from kling_daemon.simulator.traffic.reading import read_recording
from kling_daemon.simulator.traffic.recorder import Recorder
from kling_daemon.simulator.traffic.replay import Replay
from kling_daemon.simulator.traffic.replayed_callbacks import ReplayedCallbacks
from kling_daemon.simulator.traffic.shelf import Shelf
from kling_daemon.standard_webhooks import verify

POLLER = {
    "fallback_after": timedelta(milliseconds=200),
    "interval": timedelta(milliseconds=50),
    "max_interval": timedelta(milliseconds=200),
}
ROUGH = SimulatorSettings(
    seed=11,
    submitted=Span.parse("5ms-20ms"),
    processing=Span.parse("20ms-150ms"),
    video_slots=0,
    image_slots=0,
    hang=timedelta(milliseconds=20),
    secrets=(SECRET,),
    lose=0.2,
    duplicate=0.2,
    reorder=0.2,
    forge=0.3,
    fail=3,
    http_errors=0.05,
    ambiguous_creates=0.2,
)
PATHS = (NEW_VIDEO, LEGACY_VIDEO, LEGACY_IMAGE)
COUNT = 24


def recording_into(path):
    return Recorder.into(path, SystemClock(), source="simulator", keep_prompts=False, on_failure=print)


async def ended(daemon):
    """Submit the jobs and return how each of them ended, by Kling's id."""
    for number in range(COUNT):
        await daemon.submit(PATHS[number % 3], body={"prompt": f"geheim {number}"})

    async def all_ended():
        counts = await daemon.read.job_counts()
        return sum(counts.get(state, 0) for state in ("succeeded", "failed")) == COUNT

    await until(all_ended)
    return {job.task_id: (job.state, job.reason, job.cost) for job in await daemon.jobs()}


async def test_a_rough_run_that_was_recorded_ends_the_same_when_it_is_replayed_to_a_fresh_daemon(tmp_path):
    path, common = tmp_path / "r.jsonl", {"called_back": True, "trust": trusting(), "poller": POLLER}
    with recording_into(path) as recorder:
        simulator = Simulator(ROUGH, recorder=recorder)
        async with running_daemon(tmp_path / "first", simulator=simulator, **common) as daemon:
            first = await ended(daemon)
            await simulator.idle()
            capabilities = [daemon.capability(job.id).split(".")[1] for job in await daemon.jobs()]
            receiver = daemon.receiver
    assert Counter(str(state) for state, _, _ in first.values()) == {"succeeded": COUNT - 3, "failed": 3}

    written = path.read_text()
    for secret in ("geheim", "Bearer", receiver, SECRET_TEXT.removeprefix("whsec_"), *capabilities):
        assert secret not in written
    assert "ksSecret=masked" in written
    assert "ksSecret=" not in written.replace("ksSecret=masked", "")

    replay = Replay(read_recording(path), SystemClock(), speed=2, secrets=(SECRET,))
    async with replay.serve() as url, running_daemon(tmp_path / "second", kling=url, **common) as daemon:
        second = await ended(daemon)

        async def idle():
            return replay.stats()["idle"]

        await until(idle)
    assert second == first
    stats = replay.stats()
    assert stats["jobs"] == {"recorded": COUNT, "replayed": COUNT}
    recorded = Counter(str(one.status) for one in read_recording(path) if one.side == Side.CALLBACK)
    assert stats["callbacks"]["answers"] == recorded


async def record(path, settings, work):
    with recording_into(path) as recorder:
        simulator = Simulator(settings, recorder=recorder)
        async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
            await work(simulator, kling, sink)
    return read_recording(path)


async def test_answers_come_in_their_order_and_the_last_holds_on_however_the_ids_are_grouped(steady, tmp_path):
    async def work(simulator, kling, _sink):
        ids = [(await kling.create(NEW_VIDEO, options={"external_task_id": f"e{n}"}))["id"] for n in range(2)]
        await kling.tasks(task_ids=",".join(ids))
        simulator.change(outage=True)
        await kling.call("GET", f"/tasks?task_ids={ids[0]}")
        simulator.change(outage=False)
        await kling.tasks(external_task_ids="e1,nobody")
        await kling.call("POST", "/tasks", json={"cursor": ""})

    exchanges = await record(tmp_path / "r.jsonl", steady, work)
    async with Replay(exchanges, SystemClock()).serve() as url, KlingCaller.at(url, "any") as kling:
        first, second = [await kling.create(NEW_VIDEO, options={"external_task_id": f"now{n}"}) for n in range(2)]
        assert [first["external_id"], second["external_id"]] == ["now0", "now1"]
        assert len(await kling.tasks(task_ids=first["id"])) == 1
        assert (await kling.call("GET", f"/tasks?task_ids={first['id']},{second['id']}"))[0] == 503
        (entry,) = await kling.tasks(external_task_ids="now1")
        assert (entry["id"], entry["external_id"]) == (second["id"], "now1")
        assert await kling.tasks(external_task_ids="nobody") == []
        assert len((await kling.call("POST", "/tasks", json={"cursor": "", "limit": 3}))[1]["data"]) > 0


async def test_what_was_not_recorded_is_answered_clearly_and_counted(steady, tmp_path):
    async def work(_simulator, kling, _sink):
        await kling.create(NEW_VIDEO)

    replay = Replay(await record(tmp_path / "r.jsonl", steady, work), SystemClock())
    async with replay.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO)
        for method, path in (("POST", NEW_VIDEO), ("POST", LEGACY_VIDEO), ("GET", f"{LEGACY_VIDEO}/1")):
            status, answer = await kling.call(method, path, json={"prompt": "x"})
            assert (status, answer["code"]) == (404, 1203)
            assert answer["message"] == f"not in the recording: {method} {path}"
        _, stats = await kling.call("GET", "/simulator/stats")
    assert stats["unrecorded"] == {f"POST {NEW_VIDEO}": 1, f"POST {LEGACY_VIDEO}": 1, f"GET {LEGACY_VIDEO}/1": 1}


async def test_a_create_takes_what_asked_for_the_same_and_its_callbacks_go_to_its_own_url(swift, tmp_path):
    async def work(simulator, kling, sink):
        for number in (1, 2):
            await kling.create(LEGACY_IMAGE, n=number, callback_url=f"{sink.url}/secret-{number}")
            await simulator.idle()

    exchanges = await record(tmp_path / "r.jsonl", replace(swift, secrets=(SECRET,)), work)
    replay = Replay(exchanges, SystemClock(), speed=100, secrets=(SECRET,))
    async with CallbackSink.serve() as sink, replay.serve() as url, KlingCaller.at(url) as kling:
        two = await kling.create(LEGACY_IMAGE, n=2, prompt="another text", callback_url=f"{sink.url}/b")
        await sink.got(3)
        one = await kling.create(LEGACY_IMAGE, n=1, callback_url=f"{sink.url}/a")
        received = await sink.got(6)
    assert [(one.path.rpartition("/")[2], one.json["task_id"], one.status) for one in received] == [
        (name, id_, state)
        for name, id_ in (("b", two["task_id"]), ("a", one["task_id"]))
        for state in ("submitted", "processing", "succeed")
    ]
    assert two["task_id"] > one["task_id"]
    for callback in received:
        verify([SECRET], callback.headers, callback.body, now=SystemClock().now())


async def test_callbacks_that_no_create_asked_for_go_where_they_are_told_to_with_signatures_of_the_same_worth():
    calls = [
        Exchange(
            side=Side.CALLBACK, at=0.01 * number, took=0.0, method="POST", signature=worth, webhook_id=str(number),
            target="http://receiver.invalid/webhooks/kling", body={"id": str(number), "status": "processing"},
        )
        for number, worth in enumerate(("none", "valid", "invalid", "stale"))
    ]  # fmt: skip
    async with CallbackSink.serve() as sink:
        base = sink.url.removesuffix("/webhooks/kling")
        replay = Replay(calls, SystemClock(), callback_to=base, secrets=(SECRET,))
        async with replay.serve():
            received = await sink.got(4)
    assert [one.json["id"] for one in received] == ["0", "1", "2", "3"]
    assert "webhook-id" not in received[0].headers
    verify([SECRET], received[1].headers, received[1].body, now=SystemClock().now())
    for number, flaw in ((2, "no_match"), (3, "stale")):
        with pytest.raises(Exception, match=flaw):
            verify([SECRET], received[number].headers, received[number].body, now=SystemClock().now())


async def test_cut_connections_pages_and_a_clock_that_was_off_come_again(steady, tmp_path):
    async def work(simulator, kling, _sink):
        simulator.change(outage=True, outage_answer="dropped", clock_offset="1h")
        with pytest.raises(aiohttp.ClientError):
            await kling.call("POST", NEW_VIDEO, json={"prompt": "x", "options": {"external_task_id": "e"}})
        simulator.change(outage_answer="html")
        async with kling.session.get("/tasks?external_task_ids=e") as answer:
            assert answer.status == 502

    exchanges = await record(tmp_path / "r.jsonl", steady, work)
    async with Replay(exchanges, SystemClock()).serve() as url, KlingCaller.at(url) as kling:
        with pytest.raises(aiohttp.ClientError):
            await kling.call("POST", NEW_VIDEO, json={"prompt": "x", "options": {"external_task_id": "now"}})
        async with kling.session.get("/tasks?external_task_ids=now") as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")
            assert "Bad Gateway" in await answer.text()


def many(count):
    """Return a recording of so many jobs of one path, each with a callback."""
    url = "http://receiver.invalid/masked-{}".format
    for number in range(count):
        common = {"at": number / 1000, "took": 0.0, "method": "POST"}
        order = {"prompt": "masked", "options": {"callback_url": url(number)}}
        answer = {"code": 0, "data": {"id": str(number)}}
        yield Exchange(side=Side.KLING, target=NEW_VIDEO, body=order, status=200, answer=answer, **common)
        yield Exchange(side=Side.CALLBACK, target=url(number), body={"id": str(number)}, **common)


async def seconds_of_fifty_creates_and_callbacks(count, sink):
    exchanges = list(many(count))
    shelf = Shelf(exchanges)
    callbacks = ReplayedCallbacks(exchanges, shelf.jobs, SystemClock(), speed=1000.0, callback_to=sink.url, secrets=())
    async with aiohttp.ClientSession() as session:
        began = time.process_time()
        for number in range(50):
            found = shelf.answer("POST", NEW_VIDEO, {"prompt": "x"})
            assert found.exchange.answer["data"]["id"] == str(number)
            callbacks.begin(found.job)
            assert await callbacks.step(session) == 0
        return time.process_time() - began


async def test_creates_and_callbacks_cost_the_same_among_any_number_of_jobs():
    async with CallbackSink.serve() as sink:
        few, lots = [await seconds_of_fifty_creates_and_callbacks(count, sink) for count in (50, 20_000)]
    assert lots < 4 * few, (few, lots)


async def test_a_callback_without_a_place_to_go_waits_until_a_create_names_one():
    jobs = [
        Exchange(side=Side.KLING, at=0.0, took=0.0, method="POST", target=path, status=200, answer={"id": path})
        for path in (NEW_VIDEO, LEGACY_VIDEO)
    ]
    call = Exchange(
        side=Side.CALLBACK,
        at=0.0,
        took=0.0,
        method="POST",
        target="http://receiver.invalid/cb",
        body={"id": NEW_VIDEO},
    )
    async with (
        CallbackSink.serve() as sink,
        Replay([*jobs, call], SystemClock()).serve() as url,
        KlingCaller.at(url) as kling,
    ):
        await kling.call("POST", NEW_VIDEO, json={"prompt": "x"})
        await kling.call("POST", LEGACY_VIDEO, json={"prompt": "x", "callback_url": sink.url})
        assert [call.path for call in await sink.got(1)] == ["/cb"]


async def test_a_present_callback_url_that_is_none_is_borne(swift, tmp_path):
    async def work(_simulator, kling, _sink):
        await kling.create(NEW_VIDEO, options={"callback_url": "http://127.0.0.1:1/cb"})

    exchanges = await record(tmp_path / "r.jsonl", swift, work)
    async with Replay(exchanges, SystemClock(), secrets=(SECRET,)).serve() as url, KlingCaller.at(url) as kling:
        assert await kling.create(NEW_VIDEO, options={"callback_url": "http://[nonsense"})


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        (["--lose", "0.5"], 2, "--lose has no place"),
        (["--record", "x"], 2, "--record has no place"),
        ([], 2, "signed callbacks"),
        (["--secret", SECRET_TEXT, "--callback-to", "here"], 2, "is no URL"),
    ],
)
def test_options_that_have_no_place_are_usage_errors(tmp_path, options, code, named):
    path = tmp_path / "r.jsonl"
    callback = {
        "side": "callback",
        "at": 0,
        "took": 0,
        "method": "POST",
        "target": "http://receiver.invalid/",
        "signature": "valid",
    }
    path.write_text(f'{{"recording": 1}}\n{json.dumps(callback)}\n')
    result = CliRunner().invoke(simulate, ["--replay", str(path), *options])
    assert (result.exit_code, named in result.output) == (code, True), result.output


def test_a_file_that_is_no_recording_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("{}\n")
    result = CliRunner().invoke(simulate, ["--replay", str(path)])
    assert (result.exit_code, "line 1" in result.output) == (1, True)


def test_every_field_of_a_recording_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    for field in fields(Exchange):
        assert f"`{field.name}`" in text or field.name == "webhook_id", field.name
