"""A daemon that has an access key and a secret key alone does everything of the legacy API, whatever our clock says."""

from dataclasses import replace
from datetime import timedelta

import pydantic
import pytest
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO
from fakes.running_daemon import running_daemon

from kling_daemon.clock import SystemClock
from kling_daemon.simulator import Simulator, SimulatorSettings, Span

SWIFT = SimulatorSettings(
    submitted=Span.parse("1ms-5ms"),
    processing=Span.parse("1ms-20ms"),
    video_slots=0,
    image_slots=0,
    access_key="ak",
    secret_key="sk",
)
ACCOUNT = {"access_key": pydantic.SecretStr("ak"), "secret_key": pydantic.SecretStr("sk")}
POLLER = {"interval": timedelta(milliseconds=50), "max_interval": timedelta(milliseconds=50)}


class ClockAhead(SystemClock):
    """A Kling whose clock is an hour ahead of ours."""

    def now(self):
        return super().now() + timedelta(hours=1)


@pytest.mark.parametrize("kling_clock", [SystemClock(), ClockAhead()], ids=["same clock", "an hour ahead"])
@pytest.mark.parametrize("called_back", [True, False], ids=["called back", "polled"])
async def test_legacy_jobs_are_made_and_end_once(tmp_path, called_back, kling_clock):
    simulator = Simulator(SWIFT, kling_clock)
    async with running_daemon(
        tmp_path, simulator=simulator, account=ACCOUNT, called_back=called_back, poller=POLLER
    ) as daemon:
        jobs = [await daemon.submit(path) for path in (*[LEGACY_VIDEO] * 7, LEGACY_IMAGE)]
        for job in jobs:
            ended = await daemon.until_job(job["id"], "succeeded")
            assert (ended.generation, len(ended.outputs)) == ("legacy", 1)
    assert "query" not in simulator.stats()["requests"]
    assert simulator.stats()["billed"]["tasks"] == len(jobs)


async def test_an_ambiguous_create_is_looked_up_and_not_paid_twice(tmp_path):
    simulator = Simulator(replace(SWIFT, ambiguous_creates=1.0, hang=timedelta(milliseconds=1)))
    async with running_daemon(tmp_path, simulator=simulator, account=ACCOUNT, poller=POLLER) as daemon:
        job = await daemon.submit(LEGACY_VIDEO)
        await daemon.until_job(job["id"], "succeeded")
    assert simulator.stats()["billed"]["tasks"] == 1
