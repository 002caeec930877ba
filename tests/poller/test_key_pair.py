"""Polling with access key and secret key alone: one by one or by list pages, and nothing ends for want of an answer."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.asking import asking
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.testing import ManualClock

SETTINGS = SimulatorSettings(
    submitted=Span.parse("1s"),
    processing=Span.parse("20s"),
    video_slots=0,
    access_key="simulator",
    secret_key="simulator",
    http_errors=0,
)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("jobs", [1, 7])
@pytest.mark.parametrize("key_pair", [False, True])
async def test_legacy_jobs_end_by_polls_with_either_account(tmp_path, jobs, key_pair):
    clock = ManualClock()
    simulator = Simulator(SETTINGS, clock)
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock, key_pair=key_pair) as here:
        made = [await here.intake(callback_url=None).accept(LEGACY_VIDEO, {"prompt": "x"}) for _ in range(jobs)]
        submitter = here.submitter()
        await here.send(submitter)
        clock.advance(HOUR)
        simulator.step()
        await here.poller().step()
        for job in made:
            polled = await here.job(job.id)
            assert (polled.state, len(polled.outputs)) == ("succeeded", 1)
    asked = simulator.stats()["requests"]
    assert ("query" in asked) is not key_pair
    assert asked.get("legacy_list", 0) == (1 if key_pair and jobs == 7 else 0)


async def test_a_job_that_kling_does_not_know_is_asked_for_once_and_put_off(tmp_path):
    clock = ManualClock()
    simulator = Simulator(SETTINGS, clock)
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock, key_pair=True) as here:
        job = await here.called_back("k1", endpoint=LEGACY_VIDEO)
        clock.advance(HOUR)
        await here.poller().step()
        assert (await here.job(job.id)).state == "processing"
        assert here.polls == {"unknown": 1}
        assert here.requests == {"query_one": 1}
        assert (await here.due_in()) > timedelta(0)


async def test_a_job_of_the_new_api_is_put_off_unasked(tmp_path):
    clock = ManualClock()
    async with Simulator(SETTINGS, clock).serve() as url, asking(tmp_path, url, clock=clock, key_pair=True) as here:
        job = await here.called_back("k1", endpoint=NEW_VIDEO)
        clock.advance(HOUR)
        await here.poller().step()
        assert (await here.job(job.id)).state == "processing"
        assert not here.requests
        assert (await here.due_in()) > timedelta(0)


async def test_an_outage_leaves_jobs_due(tmp_path):
    clock = ManualClock()
    simulator = Simulator(replace(SETTINGS, outage=True), clock)
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock, key_pair=True) as here:
        job = await here.called_back("k1", endpoint=LEGACY_VIDEO)
        clock.advance(HOUR)
        await here.poller().step()
        assert (await here.job(job.id)).state == "processing"
        assert here.polls == {"failed": 1}
        assert (await here.due_in()) <= timedelta(0)


async def test_a_hint_is_looked_for_on_the_lists_and_its_job_adopted(tmp_path):
    clock = ManualClock()
    async with (
        Simulator(SETTINGS, clock).serve() as url,
        KlingCaller.at(url) as other,
        asking(tmp_path, url, clock=clock, key_pair=True) as here,
    ):
        task_id = (await other.create(LEGACY_VIDEO))["task_id"]
        await here.hinted(task_id, "999")
        await here.poller().step()
        adopted = await here.job(task_id)
        assert (adopted.generation, adopted.endpoint) == ("legacy", LEGACY_VIDEO)
        assert await here.store.due.hints(5) == []
