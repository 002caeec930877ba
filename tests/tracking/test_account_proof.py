"""What Kling says to a key that is new to us proves nothing until it knows a job of ours under it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.asking import asking
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.jobs import JobState
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.simulator.account_keys import AccountKeys
from kling_daemon.testing import ManualClock

WRONG = "of-another-account"
SETTINGS = SimulatorSettings(
    submitted=Span.parse("1s"),
    processing=Span.parse("20s"),
    video_slots=0,
    http_errors=0,
    accounts=(AccountKeys(name="another", api_key=WRONG),),
)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def simulator(clock):
    return Simulator(SETTINGS, clock)


async def submitted(here, *paths):
    jobs = [await here.intake().accept(path, {"prompt": "x"}) for path in paths]
    await here.send()
    return jobs


@pytest.mark.parametrize("path", [NEW_VIDEO, LEGACY_VIDEO])
async def test_a_key_is_proved_by_one_job_that_kling_knew_before(tmp_path, clock, simulator, path):
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await submitted(here, path)
            assert await here.proof.holds()
            assert not here.requests["query"], "what has nothing to be mixed up with needs no proof"
        async with asking(tmp_path, url, clock=clock, key=WRONG) as here:
            await submitted(here, path, path)
            assert not await here.proof.holds(), "what is made with a key proves nothing about it"
            assert await here.notices() == ["kling.account"]
            asked = here.requests.total()
            assert not await here.proof.holds()
            assert here.requests.total() == asked, "Kling is not asked again at once"
            clock.advance(HOUR)
            assert not await here.proof.holds()
            assert here.requests.total() > asked
        async with asking(tmp_path, url, clock=clock) as here:
            assert await here.proof.holds()
            assert await here.notices() == []


async def test_nothing_is_proved_or_told_while_kling_cannot_be_asked(tmp_path, clock, simulator):
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await submitted(here, NEW_VIDEO)
        async with asking(tmp_path, url, clock=clock) as here:
            simulator.change(outage=True)
            assert not await here.proof.holds()
            assert await here.notices() == []
            simulator.change(outage=False)
            clock.advance(1)
            assert await here.proof.holds(), "it is asked again soon"


async def test_one_witness_that_kling_cannot_answer_for_does_not_silence_the_others(tmp_path, clock):
    async def answer(request):
        ids = request.query["task_ids"].split(",")
        if "poison" in ids:
            return web.json_response(envelope(None, 5000, "server error"), status=500)
        return web.json_response(envelope([task(id_, "processing") for id_ in ids]))

    async with ScriptedKling(answer=answer).serve() as kling:
        async with asking(tmp_path, kling.url, clock=clock) as here:
            for task_id in ("a", "b", "poison"):
                await here.called_back(task_id)
        async with asking(tmp_path, kling.url, clock=clock) as here:
            for _ in range(4):
                await here.proof.holds()
                clock.advance(60)
            assert await here.proof.holds()


async def test_what_kling_told_of_long_ago_is_no_witness(tmp_path, clock, simulator):
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await here.called_back("once", JobState.SUCCEEDED)
        clock.advance(timedelta(days=31))
        async with asking(tmp_path, url, clock=clock) as here:
            assert await here.proof.holds()
            assert not here.requests


async def test_with_access_and_secret_key_alone_jobs_that_can_be_asked_for_are_witnesses(tmp_path, clock):
    simulator = Simulator(replace(SETTINGS, access_key="simulator", secret_key="simulator"), clock)
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await submitted(here, LEGACY_VIDEO, *[NEW_VIDEO] * 7)
            await submitted(here, *[NEW_VIDEO] * 7)
        async with asking(tmp_path, url, clock=clock, key_pair=True) as here:
            assert await here.proof.holds()
            assert here.requests["query_one"] == 1


async def test_tasks_of_a_swapped_key_are_not_adopted_at_the_first_look_after_a_restart(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url, WRONG) as other:
        async with asking(tmp_path, url, clock=clock) as here:
            (job,) = await submitted(here, NEW_VIDEO)
        clock.advance(HOUR)
        foreign = (await other.create(NEW_VIDEO))["id"]
        clock.advance(HOUR)
        simulator.step()
        async with asking(tmp_path, url, clock=clock, key=WRONG) as here:
            await here.reconciler(adopt_all=True).step()
            assert await here.store.read.job(foreign) is None
        clock.advance(HOUR)
        async with asking(tmp_path, url, clock=clock) as here:
            await here.reconciler(adopt_all=True).step()
            assert (await here.job(job.id)).state == "succeeded"
            assert here.found["adopted"] == 0


async def test_a_create_of_an_earlier_run_is_not_sent_again_with_a_swapped_key(tmp_path, clock, simulator):
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await submitted(here, NEW_VIDEO)
            simulator.change(ambiguous_creates=1.0)
            (job,) = await submitted(here, NEW_VIDEO)
            simulator.change(ambiguous_creates=0.0)
        async with asking(tmp_path, url, clock=clock, key=WRONG) as here:
            submitter = here.submitter()
            for _ in range(5):
                clock.advance(HOUR)
                await here.send(submitter)
            assert (await here.job(job.id)).state == "queued"
            assert here.requests["create"] == 0
            assert await here.notices() == ["kling.account"]
        clock.advance(HOUR)
        async with asking(tmp_path, url, clock=clock) as here:
            await here.send()
            assert (await here.job(job.id)).task_id is not None
            assert here.requests["create"] == 0


async def test_a_create_that_kling_does_not_have_is_sent_again_in_the_run_that_sent_it(tmp_path, clock, simulator):
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            await submitted(here, NEW_VIDEO)
        async with asking(tmp_path, url, clock=clock, key=WRONG) as here:
            simulator.change(http_errors=1.0)
            submitter = here.submitter()
            job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
            await here.send(submitter)
            simulator.change(http_errors=0.0)
            clock.advance(HOUR)
            await here.send(submitter)
            assert (await here.job(job.id)).task_id is not None
