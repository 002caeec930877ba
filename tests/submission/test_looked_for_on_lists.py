"""A create without a clear answer is resolved by the lists where Kling cannot be asked by our own id."""

from dataclasses import replace

import pytest
from fakes.asking import asking

from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

SETTINGS = SimulatorSettings(video_slots=0, http_errors=0)
BODY = {"prompt": "x", "session_id": "1", "face_choose": [{"face_id": "0"}]}
LISTED = ["/solutions/talking_agent", "/solutions/virtual_try_on", "/v1/videos/advanced-lip-sync"]


@pytest.mark.parametrize("path", LISTED)
async def test_the_task_is_found_and_followed_and_paid_once(tmp_path, path):
    clock = ManualClock()
    simulator = Simulator(replace(SETTINGS, ambiguous_creates=1), clock)
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        job = await here.intake().accept(path, BODY)
        await here.send()
        await here.send()
        # A list may show a task a little later than it was made.
        assert (await here.job(job.id)).state == "queued"
        clock.advance(30)
        await here.send()
        after = await here.job(job.id)
        assert (after.state, after.endpoint, after.task_id) == ("submitted", path, simulator.tasks()[0]["id"])
        assert len(simulator.tasks()) == 1


@pytest.mark.parametrize("path", LISTED)
async def test_after_a_crash_while_the_create_was_on_the_wire_it_is_found_as_well(tmp_path, path):
    clock = ManualClock()
    simulator = Simulator(SETTINGS, clock)
    async with simulator.serve() as url:
        async with asking(tmp_path, url, clock=clock) as here:
            job = await here.intake().accept(path, BODY)
            (claimed,) = await here.store.claim_submissions(1)
            await here.client.create(path, await here.spool.get(claimed.digest))
        async with asking(tmp_path, url, clock=clock) as here:
            await here.send()
            after = await here.job(job.id)
            assert (after.state, after.task_id) == ("submitted", simulator.tasks()[0]["id"])
        assert len(simulator.tasks()) == 1
