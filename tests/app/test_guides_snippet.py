"""What the guides say: a plain `callback_url`, an enveloped body, no signature. It works."""

import json
from datetime import timedelta

import aiohttp
from fakes.callback_sink import CallbackSink
from fakes.dispatching import Witness, configured, until
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.running_daemon import PATH, running_daemon

from kling_daemon.simulator import Simulator, SimulatorSettings, Span

SWIFT = SimulatorSettings(submitted=Span.parse("1ms"), processing=Span.parse("1ms"))


async def test_a_task_that_another_program_made_with_our_address_as_its_callback_url(tmp_path):
    witness, simulator = Witness(), Simulator(SWIFT)
    async with running_daemon(
        tmp_path,
        handlers=[configured("w", witness.open)],
        simulator=simulator,
        called_back=True,
        trust={"hint_queries_per_minute": 600.0},
    ) as daemon:
        url = f"{daemon.receiver}{PATH}"
        async with KlingCaller.at(daemon.settings.kling.base_url) as program:
            new = await program.create(NEW_VIDEO, options={"callback_url": url})
            legacy = await program.create(LEGACY_VIDEO, callback_url=url, external_task_id="theirs")
        for task_id in (new["id"], legacy["task_id"]):
            job = await daemon.until_job(task_id, "succeeded")
            assert (job.origin, job.outputs[0].type) == ("adopted", "video")
            assert job.callback_missed is False
        await until(lambda: [item.type.value for item in witness.seen].count("job.completed") == 2)
        assert (await daemon.until_job("theirs", "succeeded")).task_id == legacy["task_id"]


async def test_an_enveloped_body_as_gateways_send_it(tmp_path):
    """The flat callbacks of a real task, wrapped on their way as third-party gateways do."""
    witness, simulator = Witness(), Simulator(SWIFT)
    async with (
        CallbackSink.serve() as gateway,
        running_daemon(
            tmp_path,
            handlers=[configured("w", witness.open)],
            simulator=simulator,
            trust={"hint_queries_per_minute": 600.0},
        ) as daemon,
    ):
        async with KlingCaller.at(daemon.settings.kling.base_url) as program:
            made = await program.create(LEGACY_VIDEO, callback_url=gateway.url)
        for callback in await gateway.got(3):
            enveloped = {"code": 0, "message": "success", "request_id": "string", "data": callback.json}
            answer = await daemon.post(json.dumps(enveloped).encode())
            assert (answer.status, answer.body) == (202, b'{"received": true}')
        job = await daemon.until_job(made["task_id"], "succeeded")
        assert job.generation == "new"  # `GET /tasks` speaks the new dialect about legacy tasks, too
        await until(lambda: "job.completed" in [item.type.value for item in witness.seen])


async def test_a_task_of_somebody_elses_account_is_asked_for_once_and_makes_no_job(tmp_path):
    simulator = Simulator(SWIFT)
    async with running_daemon(tmp_path, simulator=simulator) as daemon:
        assert (await daemon.post(b'{"id": "not-ours", "status": "succeeded"}')).status == 202
        await until(lambda: daemon.rows("SELECT * FROM hints") == [])
        assert await daemon.jobs() == []
        assert simulator.stats()["requests"]["query"] == 1


async def test_the_address_of_one_job_has_kling_asked_about_that_job_alone(tmp_path):
    simulator = Simulator(SimulatorSettings(submitted=Span.parse("1h"), video_slots=0))
    async with running_daemon(tmp_path, simulator=simulator, called_back=True) as daemon:
        mine, other = [await daemon.submit(NEW_VIDEO) for _ in range(2)]
        for job in (mine, other):
            await daemon.until_job(job["id"], "submitted")
        simulator.change(submitted_callbacks=False)
        await simulator_is_quiet(daemon)
        asked = simulator.stats()["requests"].get("query", 0)
        theirs = (await daemon.read.job(other["id"])).task_id
        lie = json.dumps({"id": theirs, "status": "failed"}).encode()
        answer = await daemon.post(lie, path=f"{PATH}/{daemon.capability(mine['id'])}")
        assert answer.status == 200
        await until(lambda: simulator.stats()["requests"]["query"] == asked + 1)
        await simulator_is_quiet(daemon)
        assert {job.state for job in await daemon.jobs()} == {"submitted"}


async def simulator_is_quiet(daemon):
    """Wait until no job is due to be polled at once."""

    async def fact():
        due = await daemon.due.next_poll_due()
        return due is not None and due - daemon.clock.now() > timedelta(minutes=4)

    await until(fact)


async def test_result_addresses_capabilities_and_keys_stay_out_of_the_api_for_strangers(tmp_path):
    async with running_daemon(tmp_path, simulator=Simulator(SWIFT), called_back=True) as daemon:
        job = await daemon.submit(NEW_VIDEO)
        await daemon.until_job(job["id"], "succeeded")
        async with aiohttp.ClientSession() as stranger:
            async with stranger.get(f"http://{daemon.addresses.api}/api/v1/jobs/{job['id']}") as answer:
                assert answer.status == 401
            async with stranger.get(f"http://{daemon.addresses.api}/metrics") as answer:
                text = await answer.text()
        assert daemon.capability(job["id"]) not in text
        assert job["id"] not in text
