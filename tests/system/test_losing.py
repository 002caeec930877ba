"""Whatever keeps Kling or us from each other: no job ends wrongly, the operator is told, and it all ends well.

A real daemon and the simulator on real sockets, by clocks that jump when a test says so.
"""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pydantic
import pytest
from fakes.dispatching import until
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO
from fakes.running_daemon import running_daemon

from kling_daemon.clock import SystemClock, from_millis, to_millis
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.simulator.account_keys import AccountKeys

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
POLLER = {"interval": timedelta(milliseconds=50), "max_interval": timedelta(milliseconds=50)}
RIGHT, WRONG = "simulator", "of-another-account"
SLOW = SimulatorSettings(
    submitted=Span.parse("1ms"),
    processing=Span.parse("10h"),
    video_slots=0,
    accounts=(AccountKeys(name="another", api_key=WRONG),),
)


class JumpingClock(SystemClock):
    """The machine's clocks, ahead by as much as a test has let pass."""

    def __init__(self):
        self.ahead = timedelta(0)

    def now(self):
        return from_millis(to_millis(super().now() + self.ahead))

    def monotonic(self):
        return super().monotonic() + self.ahead.total_seconds()


class World:
    def __init__(self, directory, simulator, url, clock):
        self.directory, self.simulator, self.url, self.clock = directory, simulator, url, clock

    def advance(self, by):
        self.clock.ahead += by
        self.simulator.step()

    @asynccontextmanager
    async def daemon(self, key=RIGHT):
        async with running_daemon(
            self.directory,
            kling=self.url,
            account={"api_key": pydantic.SecretStr(key)},
            clock=self.clock,
            poller=POLLER,
        ) as daemon:
            yield daemon

    def asked(self):
        return self.simulator.stats()["requests"].get("query", 0)

    def faults(self):
        return sum(self.simulator.stats()["faults"].values())

    async def until_asked(self, times=4):
        before = self.asked()
        await until(lambda: self.asked() >= before + times)


@asynccontextmanager
async def world(directory, settings=SLOW):
    clock = JumpingClock()
    simulator = Simulator(settings, clock)
    async with simulator.serve() as url:
        yield World(directory, simulator, url, clock)


async def submitted(daemon, count=3, endpoint=NEW_VIDEO):
    jobs = [(await daemon.submit(endpoint))["id"] for _ in range(count)]
    for job in jobs:
        await until(lambda job=job: has_task(daemon, job))
    return jobs


async def has_task(daemon, reference):
    job = await daemon.read.job(reference)
    return job.task_id is not None


async def states(daemon):
    return {job.state.value for job in await daemon.jobs()}


async def kinds(daemon):
    return {notice.kind.value for notice in await daemon.read.open_notices()}


async def until_told(daemon, kind):
    async def fact():
        return kind in await kinds(daemon)

    await until(fact)


async def until_over(daemon, kind):
    async def fact():
        return kind not in await kinds(daemon)

    await until(fact)


async def assert_all_succeed(daemon, jobs):
    for job in jobs:
        ended = await daemon.until_job(job, "succeeded")
        assert (ended.contradicted, len(ended.outputs)) == (False, 1)
    events = daemon.rows("SELECT count(*) FROM events WHERE type IN ('job.completed', 'job.failed')")
    assert events == [(len(jobs),)]


@pytest.mark.parametrize("endpoint", [NEW_VIDEO, LEGACY_VIDEO])
async def test_a_swapped_key_ends_no_job_and_the_operator_is_asked(tmp_path, endpoint):
    async with world(tmp_path) as here:
        async with here.daemon() as daemon:
            jobs = await submitted(daemon, endpoint=endpoint)
        async with here.daemon(WRONG) as daemon:
            for _ in range(3):
                await here.until_asked()
                here.advance(20 * MINUTE)
            await until_told(daemon, "kling.account")
            # What is made with the wrong key is known to it; that proves nothing about the others.
            jobs_of_another = await submitted(daemon, 2)
            for _ in range(3):
                await here.until_asked()
                here.advance(20 * MINUTE)
            assert not {"succeeded", "failed"} & await states(daemon)
            here.advance(10 * HOUR)
            for job in jobs_of_another:
                await daemon.until_job(job, "succeeded")
            assert await kinds(daemon) == {"kling.account"}
        async with here.daemon() as daemon:
            await assert_all_succeed(daemon, [*jobs, *jobs_of_another])
        async with here.daemon() as daemon:
            await until_over(daemon, "kling.account")


async def test_a_day_of_outage_ends_no_job(tmp_path):
    async with world(tmp_path) as here, here.daemon() as daemon:
        jobs = await submitted(daemon)
        await here.until_asked()
        here.simulator.change(outage=True)
        # Kling is asked four times at most before that counts as silence; the next time it has lasted for a day.
        await until(lambda: here.faults() > 4)
        here.advance(DAY)
        await until_told(daemon, "kling.silent")
        assert not {"succeeded", "failed"} & await states(daemon)
        here.simulator.change(outage=False)
        await assert_all_succeed(daemon, jobs)
        await until_over(daemon, "kling.silent")


async def test_a_day_of_our_own_downtime_ends_no_job(tmp_path):
    async with world(tmp_path) as here:
        async with here.daemon() as daemon:
            jobs = await submitted(daemon)
        here.advance(DAY)
        async with here.daemon() as daemon:
            await assert_all_succeed(daemon, jobs)
            assert await kinds(daemon) == set()


async def test_a_job_that_kling_forgot_during_our_downtime_is_asked_for_before_it_is_lost(tmp_path):
    async with world(tmp_path) as here:
        async with here.daemon() as daemon:
            jobs = await submitted(daemon, 4)
            gone = await daemon.read.job(jobs[2])
        # There is no way to ask a simulator for that.
        (account,) = [one for one in here.simulator._engine.accounts.each() if one.by_id(gone.task_id)]
        del account._jobs[gone.task_id]
        here.advance(2 * MINUTE)
        async with here.daemon() as daemon:
            await here.until_asked()
            assert "failed" not in await states(daemon)
            here.advance(11 * MINUTE)
            lost = await daemon.until_job(gone.id, "failed")
            assert lost.reason == "lost"
            await here.until_asked()
            assert [job.state.value for job in await daemon.jobs() if job.id != gone.id] == ["processing"] * 3
            assert await kinds(daemon) == set()


async def test_a_retired_model_fails_its_jobs_at_once_and_the_operator_is_told(tmp_path):
    gone = replace(SLOW, retired=("kling-3.0",), processing=Span.parse("1ms"))
    async with world(tmp_path, gone) as here, here.daemon() as daemon:
        refused = (await daemon.submit(NEW_VIDEO))["id"]
        job = await daemon.until_job(refused, "failed")
        assert job.reason == "rejected"
        await until_told(daemon, "kling.refused")
        other = (await daemon.submit("/text-to-video/kling-2.6"))["id"]
        await daemon.until_job(other, "succeeded")
        assert await kinds(daemon) == {"kling.refused"}
        assert here.simulator.stats()["requests"]["create"] == 2
        # The model is back.
        here.simulator.change(retired=())
        again = (await daemon.submit(NEW_VIDEO))["id"]
        await daemon.until_job(again, "succeeded")
        await until_over(daemon, "kling.refused")


async def test_an_unknown_status_word_ends_no_job_and_is_told(tmp_path):
    async with world(tmp_path, replace(SLOW, unknown_status=1.0)) as here, here.daemon() as daemon:
        jobs = await submitted(daemon, 1)
        await until_told(daemon, "kling.status")
        assert not {"succeeded", "failed"} & await states(daemon)
        here.advance(11 * HOUR)
        await assert_all_succeed(daemon, jobs)


async def test_a_job_that_ends_after_three_days_ends_right(tmp_path):
    async with world(tmp_path, replace(SLOW, processing=Span.parse("80h"))) as here:
        async with here.daemon() as daemon:
            jobs = await submitted(daemon, 2)
        here.advance(3 * DAY + HOUR)
        async with here.daemon() as daemon:
            await until_told(daemon, "jobs.overdue")
            async with daemon.api.get("/api/v1/jobs?overdue=true") as answer:
                shown = (await answer.json())["items"]
            assert {job["id"]: job["overdue"] for job in shown} == dict.fromkeys(jobs, True)
            assert not {"succeeded", "failed"} & await states(daemon)
            asked = here.asked()
        here.advance(10 * HOUR)
        async with here.daemon() as daemon:
            await assert_all_succeed(daemon, jobs)
        assert here.asked() - asked <= 3, "an overdue job is asked for once an hour"
        async with here.daemon() as daemon:
            await until_over(daemon, "jobs.overdue")
