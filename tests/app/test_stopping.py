"""Stopping returns within its limit whatever is under way; what is cut off costs no attempt and is taken up again."""

import asyncio
import time
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from fakes.dispatching import Witness, configured, hanging, until
from fakes.kling_caller import NEW_VIDEO
from fakes.running_daemon import PATH, RunningDaemon, running_daemon, trusting
from fakes.scripted_kling import ScriptedKling, envelope, task
from recorded.kling_bodies import raw

from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.store import StoreLockedError

LIMIT = timedelta(seconds=4)
SERVICE = {"stop_timeout": LIMIT}
BODY = raw("new_callback_succeeded_video")


async def stopped(daemon: RunningDaemon) -> float:
    """Ask for the stop and return how many seconds it took."""
    began = time.monotonic()
    daemon.stop.ask()
    async with asyncio.timeout(4 * LIMIT.total_seconds()):
        await asyncio.wait([daemon.running])
    assert daemon.running.exception() is None
    return time.monotonic() - began


async def silent_kling(request):
    if request.method == "GET":
        await asyncio.get_running_loop().create_future()
    return web.json_response(envelope(task("k1", "submitted")))


async def test_with_nothing_to_do_it_is_a_matter_of_moments(tmp_path):
    async with running_daemon(tmp_path, simulator=Simulator(), service=SERVICE) as daemon:
        assert await stopped(daemon) < 1


async def test_an_attempt_that_ends_in_time_is_finished_first(tmp_path):
    release = asyncio.Event()

    async def behave(*_):
        await release.wait()

    witness = Witness(behave)
    async with running_daemon(
        tmp_path, handlers=[configured("w", witness.open)], trust=trusting(), service=SERVICE
    ) as daemon:
        await daemon.post_signed(BODY)
        await until(lambda: len(witness.seen) == 1)
        asyncio.get_running_loop().call_later(0.1, release.set)
        assert await stopped(daemon) < LIMIT.total_seconds()
        assert daemon.rows("SELECT state, attempt FROM deliveries ORDER BY seq")[0] == ("done", 1)


async def test_an_attempt_that_hangs_is_cut_off_within_the_limit_and_costs_nothing(tmp_path):
    witness = Witness(hanging)
    handlers = [configured("w", witness.open)]
    async with running_daemon(tmp_path, handlers=handlers, trust=trusting(), service=SERVICE) as daemon:
        await daemon.post_signed(BODY)
        await until(lambda: len(witness.seen) == 1)
        assert await stopped(daemon) < LIMIT.total_seconds()
        assert daemon.rows("SELECT state, attempt FROM deliveries ORDER BY seq") == [("pending", 0), ("pending", 0)]
    witness.behave = None
    async with running_daemon(tmp_path, handlers=handlers) as daemon:
        await daemon.until_delivered("w", 2)
        assert witness.contexts[1].attempt == 1


async def test_a_poll_that_kling_does_not_answer_is_cut_off(tmp_path):
    kling = ScriptedKling(answer=silent_kling)
    async with (
        kling.serve(),
        running_daemon(tmp_path, kling=kling.url, service=SERVICE, poller={"interval": "10ms"}) as daemon,
    ):
        await daemon.submit(NEW_VIDEO)
        await until(lambda: any(asked.method == "GET" for asked in kling.asked))
        assert await stopped(daemon) < LIMIT.total_seconds()
    assert [asked.method for asked in kling.asked] == ["POST", "GET"]


async def test_a_create_that_kling_does_not_answer_is_cut_off_and_looked_up_at_the_next_start(tmp_path):
    simulator = Simulator(SimulatorSettings(submitted=Span.parse("1h"), hang=timedelta(hours=1)))

    async def swallow(_request):
        await asyncio.get_running_loop().create_future()

    kling = ScriptedKling(answer=swallow)
    async with kling.serve(), running_daemon(tmp_path, kling=kling.url, service=SERVICE) as daemon:
        job = await daemon.submit(NEW_VIDEO)
        await until(lambda: len(kling.asked) == 1)
        assert await stopped(daemon) < LIMIT.total_seconds()
        assert daemon.rows("SELECT state FROM submissions") == [("sending",)]
    async with running_daemon(tmp_path, simulator=simulator) as daemon:
        await daemon.until_job(job["id"], "submitted")
        asked = simulator.stats()["requests"]
        assert (asked["query"], asked["create"]) == (1, 1)


async def test_who_waits_for_a_job_is_answered(tmp_path):
    simulator = Simulator(SimulatorSettings(submitted=Span.parse("1h")))
    async with running_daemon(tmp_path, simulator=simulator, service=SERVICE) as daemon:
        job = await daemon.submit(NEW_VIDEO)
        states = []

        async def wait():
            async with daemon.api.get(f"/api/v1/jobs/{job['id']}/wait?timeout=300") as answer:
                states.append((await answer.json())["state"])

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait())
            await daemon.until_job(job["id"], "submitted")
            assert await stopped(daemon) < LIMIT.total_seconds()
        assert states == ["submitted"]


async def test_a_callback_that_never_ends_and_an_idle_connection_hold_nothing_up(tmp_path):
    async with running_daemon(tmp_path, service=SERVICE) as daemon:
        address = daemon.addresses.receiver
        _, idle = await asyncio.open_connection(address.host, address.port)
        _, slow = await asyncio.open_connection(address.host, address.port)
        slow.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode())
        slow.write(b"Content-Length: 100\r\n\r\n{")
        await slow.drain()
        assert (await daemon.post(b"[]")).status == 400
        assert await stopped(daemon) < LIMIT.total_seconds()
        for writer in (idle, slow):
            writer.close()


async def test_callbacks_that_come_while_it_stops_are_committed_or_not_answered_with_success(tmp_path):
    async with running_daemon(tmp_path, trust=trusting(), service=SERVICE) as daemon:
        accepted: list[str] = []

        async def send(number):
            task_id = f"t{number}"
            body = f'{{"id": "{task_id}", "status": "succeeded", "update_time": 1}}'.encode()
            try:
                answer = await daemon.post_signed(body, webhook_id=task_id)
            except (aiohttp.ClientError, OSError):
                return
            if answer.status == 200:
                accepted.append(task_id)

        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(send(number))
            await until(lambda: len(accepted) > 10)
            assert await stopped(daemon) < LIMIT.total_seconds()
        stored = {task_id for (task_id,) in daemon.rows("SELECT task_id FROM jobs")}
    assert set(accepted) <= stored


async def test_a_daemon_that_cannot_start_leaves_nothing_running(tmp_path):
    async with running_daemon(tmp_path):
        with pytest.raises(BaseExceptionGroup) as caught:
            async with running_daemon(tmp_path):
                raise AssertionError("a second one must not start")
        assert caught.group_contains(StoreLockedError)
    assert [running.get_name() for running in asyncio.all_tasks() if running is not asyncio.current_task()] == []
