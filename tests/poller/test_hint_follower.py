"""Following hints: what they cost is bounded whoever sends them, and none of them keeps others from being followed."""

import asyncio
from datetime import timedelta

import pytest
from fakes.asking import asking
from fakes.dispatching import until
from fakes.knowing_kling import OUTAGES, KnowingKling
from fakes.running_daemon import running_daemon, trusting

from kling_daemon.store import HintWeight, News

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def kling():
    async with KnowingKling().serve() as kling:
        yield kling


async def test_a_storm_on_one_capability_costs_a_bounded_number_of_queries(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        kling.knows("t1")
        poller = here.poller()
        for _ in range(600):
            for _ in range(3):
                await here.prompted(job)
                await poller.step()
            here.clock.advance(1)
        # Three at once, then after 15 s, 30 s, 1 min, 2 min and 4 min.
        assert len(kling.batches) == 8
        kling.knows("t1", "succeeded")
        here.clock.advance(5 * MINUTE)
        await poller.step()
        assert (await here.job("t1")).state == "succeeded"


async def test_a_storm_while_kling_does_not_know_the_job_costs_no_more(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        poller = here.poller()
        for _ in range(600):
            await here.prompted(job)
            await poller.step()
            here.clock.advance(1)
        # What no hint prompted, a job that Kling does not know is polled at growing pauses of its own.
        assert len(kling.batches) <= 16


async def test_a_storm_on_one_job_delays_no_hint_about_another(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        stormy, calm = await here.called_back("t1"), await here.called_back("t2")
        kling.knows("t1")
        kling.knows("t2", "succeeded")
        poller = here.poller()
        for _ in range(50):
            await here.prompted(stormy)
            await poller.step()
        await here.prompted(calm)
        await poller.step()
        assert (await here.job("t2")).state == "succeeded"


async def signed(here, *task_ids):
    await here.tracker.record_all([News(hint=HintWeight.JOB, hinted_task_id=task_id) for task_id in task_ids])


async def test_signed_hints_are_asked_about_at_once_whatever_else_waits(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.hinted(*(f"h{number}" for number in range(500)))
        poller = here.poller()
        await poller.step()
        kling.knows("s1", "succeeded")
        await signed(here, "s1", "s2")
        await poller.step()
        assert kling.batches[-1] == ["s1", "s2"]
        assert (await here.job("s1")).state == "succeeded"
        assert await here.store.due.hints(9, signed=True) == []


async def test_a_signed_one_that_is_sent_again_and_again_costs_a_query_a_second(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        poller = here.poller(adopt=False)
        kling.knows("s1")
        for _ in range(30):
            for _ in range(4):
                await signed(here, "s1")
                await poller.step()
            here.clock.advance(1)
        assert len(kling.batches) == 30


async def test_a_hint_that_kling_cannot_answer_for_is_found_out_and_given_up(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.unanswerable = {"poison"}
        for number in range(40):
            kling.knows(f"h{number}", "succeeded")
        await here.hinted("poison", *(f"h{number}" for number in range(40)))
        poller, seconds = here.poller(), 0
        while await here.store.read.hint_count():
            assert seconds < 1800
            await poller.step()
            here.clock.advance(1)
            seconds += 1
        assert len(await here.store.read.jobs(limit=99)) == 40
        assert await here.notices() == []


async def test_an_outage_loses_no_hint(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.broken = OUTAGES["maintenance"]
        ids = [f"h{number}" for number in range(30)]
        await here.hinted(*ids)
        poller = here.poller()
        for _ in range(1800):
            await poller.step()
            here.clock.advance(1)
        assert await here.store.read.hint_count() == 30
        kling.broken = None
        for task_id in ids:
            kling.knows(task_id, "succeeded")
        for _ in range(300):
            await poller.step()
            here.clock.advance(1)
        assert len(await here.store.read.jobs(limit=99)) == 30


async def test_a_flood_does_not_wake_the_poller_while_it_is_known_when_to_ask_next(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        poller, bell = here.poller(), here.tracker.polls_changed
        await here.hinted("first")
        await until(bell.is_set)
        await poller.step()
        await here.hinted("second")
        await poller.step()
        bell.clear()
        await here.hinted(*(f"h{number}" for number in range(100)))
        await asyncio.sleep(0)  # what is committed rings on the next turn of the loop
        assert not bell.is_set()
        job = await here.called_back("t1", None)
        await here.prompted(job)
        await until(bell.is_set)


async def test_a_signed_callback_that_is_to_be_confirmed_is_what_kling_says_of_its_task(tmp_path, kling):
    kling.knows("mine", "succeeded")
    async with running_daemon(tmp_path, kling=kling.url, trust=trusting(confirm="always")) as daemon:
        assert (await daemon.post_signed(b'{"id": "mine", "status": "failed"}')).status == 200
        job = await daemon.until_job("mine", "succeeded")
        assert job.contradicted is False
        await until(lambda: daemon.rows("SELECT * FROM hints") == [])
