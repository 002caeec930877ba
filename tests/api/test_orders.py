import asyncio

import pytest
from fakes.dispatching import until
from fakes.local_api import daemon_and_api
from fakes.running_daemon import running_daemon

from kling_daemon.client import DaemonError
from kling_daemon.client.models import SubmitModel
from kling_daemon.simulator import Simulator, SimulatorSettings

NEW = "/text-to-video/kling-3.0"
LEGACY = "/v1/videos/text2video"


async def test_an_order_under_the_same_key_again_is_the_same_job(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        first = await daemon.submit(NEW, {"prompt": "a"}, idempotency_key="k 1")
        again = await daemon.submit(NEW, {"prompt": "another"}, idempotency_key="k 1")
        other = await daemon.submit(NEW, {"prompt": "a"}, idempotency_key="k 2")
        assert again == first
        assert other.id != first.id
        assert len((await daemon.jobs()).items) == 2


async def test_a_key_of_another_endpoints_job_is_a_conflict(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        await daemon.submit(NEW, {}, idempotency_key="k")
        with pytest.raises(DaemonError, match="another order needs another key") as refused:
            await daemon.submit(LEGACY, {}, idempotency_key="k")
        assert refused.value.status == 409


@pytest.mark.parametrize("key", ["", "x" * 257])
async def test_a_key_has_a_length(tmp_path, key):
    async with daemon_and_api(tmp_path) as (daemon, _):
        headers = {"Content-Type": "application/json"}
        raw = f'{{"endpoint": "{NEW}", "body": {{}}, "idempotency_key": "{key}"}}'.encode()
        status, answer = await daemon._connection.exchange("POST", "api/v1/jobs", data=raw, headers=headers)
        assert (status, b"idempotency_key" in answer) == (400, True)


async def test_many_orders_are_tried_and_none_is_carried_out(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        made = await daemon.submit(NEW, {}, external_id="taken", idempotency_key="k")
        checked = await daemon.check(
            [
                SubmitModel(endpoint=NEW, body={}),
                SubmitModel(endpoint="videos", body={}),
                SubmitModel(endpoint=NEW, body={}, external_id="taken"),
                SubmitModel(endpoint=NEW, body={}, external_id="taken", idempotency_key="k"),
                SubmitModel(endpoint=LEGACY, body={}, idempotency_key="k"),
            ]
        )
        refusals = [" ".join((one.refusal or "").split()[:3]) for one in checked]
        assert refusals == ["", "'videos' is no", "the external id", "", "the idempotency key"]
        assert [one.job for one in checked] == [None, None, None, made, None]
        assert [job.id for job in (await daemon.jobs()).items] == [made.id]


async def test_orders_under_one_key_that_come_at_once_are_one_job_that_is_paid_once(tmp_path):
    simulator = Simulator(SimulatorSettings())
    async with running_daemon(tmp_path, simulator=simulator) as running:
        order = {"endpoint": NEW, "body": {"prompt": "x"}, "external_id": "mine", "idempotency_key": "k"}

        async def submit():
            async with running.api.post("/api/v1/jobs", json=order) as answer:
                return answer.status, (await answer.json())["id"]

        async with asyncio.TaskGroup() as tasks:
            submits = [tasks.create_task(submit(), name=f"submit {number}") for number in range(6)]
        answers = [task.result() for task in submits]
        assert {status for status, _ in answers} <= {200, 201}
        assert len({id_ for _, id_ in answers}) == 1

        async def taken():
            return (await running.jobs())[0].task_id is not None

        await until(taken)
        assert len(await running.jobs()) == 1
        assert running.simulator.stats()["requests"]["create"] == 1


async def test_the_real_intake_refuses_in_a_check_what_it_refuses_in_earnest(tmp_path):
    async with running_daemon(tmp_path, simulator=Simulator(SimulatorSettings())) as running:
        orders = [
            {"endpoint": "/v1/audio/tts", "body": {"text": "x"}},
            {"endpoint": NEW, "body": {"options": 7}},
            {"endpoint": NEW, "body": {"prompt": "x"}},
        ]
        async with running.api.post("/api/v1/orders/check", json={"orders": orders}) as answer:
            refusals = [item["refusal"] for item in (await answer.json())["items"]]
        assert ["at once" in (refusals[0] or ""), "must be an object" in (refusals[1] or "")] == [True, True]
        assert refusals[2] is None
        assert await running.jobs() == []
