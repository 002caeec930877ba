from dataclasses import replace

import aiohttp
import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator

WILD = {"lose": 0.25, "duplicate": 0.25, "reorder": 0.2, "forge": 0.2, "fail_moderation": 0.2, "http_errors": 0.2}
CHOICES = ("created", "states", "callbacks", "forgeries", "refused", "faults")


async def run(settings):
    simulator = Simulator(settings)
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        for number in range(40):
            body = {"prompt": str(number), "options": {"callback_url": sink.url}}
            try:
                async with kling.session.post(NEW_VIDEO, json=body) as answer:
                    await answer.read()
            except aiohttp.ClientError:
                continue
        await simulator.idle()
    stats = simulator.stats()
    return {name: stats[name] for name in CHOICES}, [(task["id"], task["state"]) for task in simulator.tasks()]


async def test_the_same_seed_makes_the_same_choices(swift):
    assert await run(replace(swift, seed=7, **WILD)) == await run(replace(swift, seed=7, **WILD))


async def test_another_seed_makes_others(swift):
    assert await run(replace(swift, seed=7, **WILD)) != await run(replace(swift, seed=8, **WILD))


async def test_a_job_s_choices_do_not_depend_on_how_fast_others_are(swift):
    slower = replace(swift, seed=7, **WILD, processing=type(swift.processing).parse("1ms-60ms"))
    assert await run(replace(swift, seed=7, **WILD)) == await run(slower)


@pytest.mark.parametrize("fail", [0, 1, 3, 10])
async def test_exactly_as_many_jobs_fail_as_asked(swift, fail):
    simulator = Simulator(replace(swift, fail=fail))
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        for _ in range(40):
            await kling.create(NEW_VIDEO)
        await simulator.idle()
    assert simulator.stats()["states"].get("failed", 0) == fail
