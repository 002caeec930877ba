import gzip
import json
import socket
from dataclasses import replace

import aiohttp
import pytest
from click.testing import CliRunner
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import NEW_VIDEO, KlingCaller
from fakes.running_daemon import free_port

from kling_daemon.cli.simulate import simulate
from kling_daemon.clock import SystemClock
from kling_daemon.simulator import Simulator
from kling_daemon.simulator.traffic.exchanges import Side
from kling_daemon.simulator.traffic.passing_on import passing_on
from kling_daemon.simulator.traffic.reading import read_recording
from kling_daemon.simulator.traffic.recorder import Recorder
from kling_daemon.standard_webhooks import Secret, verify

SECRET = Secret(name="s", key=b"geheim")
ANYWHERE = ("127.0.0.1", 0)


def recording_into(path):
    return Recorder.into(path, SystemClock(), source="here", keep_prompts=False, on_failure=print)


async def test_requests_and_callbacks_pass_through_unchanged_and_are_recorded(swift, tmp_path):
    path, clock = tmp_path / "r.jsonl", SystemClock()
    simulator = Simulator(replace(swift, secrets=(SECRET,), api_key="sk-geheim"))
    async with CallbackSink.serve() as sink, simulator.serve() as upstream:
        with recording_into(path) as recorder:
            receiver = sink.url.removesuffix("/webhooks/kling")
            callbacks = (ANYWHERE, receiver)
            async with (
                passing_on(recorder, clock, upstream, ANYWHERE, callbacks=callbacks, secrets=[SECRET]) as (url, hook),
                KlingCaller.at(url, "sk-geheim") as kling,
            ):
                job = await kling.create(NEW_VIDEO, options={"callback_url": f"{hook}/webhooks/kling"})
                await simulator.idle()
                assert [task["status"] for task in await kling.tasks(task_ids=job["id"])] == ["succeeded"]
                simulator.change(clock_offset="2h")
                assert (await kling.call("GET", "/nowhere"))[0] == 404
    for received in sink.received:
        verify([SECRET], received.headers, received.body, now=clock.now())
    assert len(sink.received) == 3
    exchanges = read_recording(path)
    called = [one for one in exchanges if one.side == Side.CALLBACK]
    assert [one.signature for one in called] == ["valid"] * 3
    assert {one.target for one in called} == {exchanges[0].body["options"]["callback_url"]}
    assert exchanges[-1].status == 404
    assert exchanges[-1].ahead == pytest.approx(7200, abs=5)
    assert "geheim" not in path.read_text()


async def test_a_compressed_body_passes_through_as_it_is(swift, tmp_path):
    with recording_into(tmp_path / "r.jsonl") as recorder:
        async with (
            Simulator(swift).serve() as upstream,
            passing_on(recorder, SystemClock(), upstream, ANYWHERE) as (url, _),
            KlingCaller.at(url) as kling,
        ):
            packed, headers = gzip.compress(b'{"prompt": "geheim"}'), {"Content-Encoding": "gzip"}
            assert (await kling.call("POST", NEW_VIDEO, data=packed, headers=headers))[0] == 200
    (exchange,) = read_recording(tmp_path / "r.jsonl")
    assert exchange.body == {"text": "masked", "bytes": len(packed)}


async def test_when_kling_or_the_receiver_is_out_of_reach_the_connection_is_cut(tmp_path):
    path, nowhere = tmp_path / "r.jsonl", f"http://127.0.0.1:{free_port()}"
    with recording_into(path) as recorder:
        async with (
            passing_on(recorder, SystemClock(), nowhere, ANYWHERE, callbacks=(ANYWHERE, nowhere)) as urls,
            aiohttp.ClientSession() as session,
        ):
            for url in urls:
                with pytest.raises(aiohttp.ClientError):
                    await session.post(url + "/x", json={"id": "1"})
    assert [(one.side, one.status) for one in read_recording(path)] == [("kling", None), ("callback", None)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--upstream", "https://kling"], "needs --record"),
        (["--keep-prompts"], "needs --record"),
        (["--record", "r", "--callback-listen", "127.0.0.1:0"], "--callback-to"),
        (["--record", "r", "--callback-to", "http://x"], "needs --callback-listen"),
        (["--record", "r", "--upstream", "kling"], "is no URL"),
        (["--record", "r", "--upstream", "https://kling", "--lose", "0.5"], "--lose has no place"),
        (["--record", "r", "--upstream", "https://kling", "--seed", "5"], "--seed has no place"),
    ],
)
def test_options_that_do_nothing_together_are_usage_errors(options, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(simulate, options)
    assert (result.exit_code, named in result.output) == (2, True), result.output
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_recorded_into(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({}))
    result = CliRunner().invoke(simulate, ["--record", str(path)])
    assert (result.exit_code, "File exists" in result.output) == (1, True)
    assert path.read_text() == "{}"


def test_a_port_that_is_taken_leaves_no_file_behind(tmp_path):
    path = tmp_path / "r.jsonl"
    with socket.socket() as taken:
        taken.bind(ANYWHERE)
        taken.listen()
        for more in ([], ["--upstream", "http://127.0.0.1:1"]):
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            result = CliRunner().invoke(simulate, ["--listen", listen, "--record", str(path), *more])
            assert (result.exit_code, "cannot listen" in result.output) == (1, True)
            assert not path.exists()
