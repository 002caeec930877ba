"""What an account has left can be asked for, once a second, and creates end when it is used up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from fakes.kling_caller import LEGACY_IMAGE, NEW_VIDEO, KlingCaller
from fakes.kling_fixtures import fixture, shape
from fakes.kling_orders import BODIES

from kling_daemon.clock import to_millis
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

ALWAYS = {"start_time": "0", "end_time": str(2**53)}


@dataclass
class World:
    kling: KlingCaller
    clock: ManualClock
    simulator: Simulator

    async def ask(self, **query: str):
        return await self.kling.call("GET", "/account/costs", params=ALWAYS | query)

    async def pack(self):
        self.clock.advance(1)
        status, answer = await self.ask()
        assert status == 200, answer
        (pack,) = answer["data"]["resource_pack_subscribe_infos"]
        return pack["remaining_quantity"], pack["status"]

    async def end(self, path: str, **body) -> None:
        await self.kling.create(path, **(BODIES.get(path, {}) | body))
        self.clock.advance(70)
        self.simulator.step()


@pytest.fixture
async def world(steady: SimulatorSettings) -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(replace(steady, pack_units=6), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        yield World(kling, clock, simulator)


async def test_the_answer_is_shaped_as_the_vendor_s_own(world):
    status, answer = await world.ask()
    assert status == 200
    assert shape(answer) == shape(fixture("account_costs"))


async def test_what_is_left_falls_by_what_succeeds_and_then_nothing_is_created(world):
    assert await world.pack() == (6, "online")
    await world.end(NEW_VIDEO)
    await world.end(NEW_VIDEO, prompt="[simulate: input]")
    assert await world.pack() == (3.5, "online")
    await world.end(LEGACY_IMAGE, n=3)
    assert await world.pack() == (0.5, "online")
    status, answer = await world.kling.call("POST", NEW_VIDEO, json={"prompt": "x"})
    assert (status, answer["code"]) == (429, 1102)
    await world.end("/v1/audio/text-to-audio")
    await world.end("/v1/audio/text-to-audio")
    assert await world.pack() == (0, "runOut")
    await world.end("/v1/general/advanced-custom-elements")  # costs nothing
    world.clock.advance(timedelta(days=365))
    assert await world.pack() == (0, "expired")


async def test_it_may_be_asked_once_a_second(world):
    assert (await world.ask())[0] == 200
    world.clock.advance(0.9)
    status, answer = await world.ask()
    assert (status, answer["code"]) == (429, 1302)
    world.clock.advance(0.1)
    assert (await world.ask())[0] == 200


async def test_only_packs_that_were_bought_within_the_times_are_told(world):
    await world.ask()
    bought = to_millis(world.clock.now())
    for query, packs in (
        ({"start_time": str(bought)}, 1),
        ({"start_time": str(bought + 1)}, 0),
        ({"end_time": str(bought - 1)}, 0),
        ({"resource_pack_name": "another"}, 0),
    ):
        world.clock.advance(1)
        _, answer = await world.ask(**query)
        assert len(answer["data"]["resource_pack_subscribe_infos"]) == packs


@pytest.mark.parametrize("wrong", [{"start_time": ""}, {"end_time": "tomorrow"}, {"end_time": "9" * 5000}])
async def test_without_times_it_is_refused(world, wrong):
    status, answer = await world.ask(**wrong)
    assert (status, answer["code"]) == (400, 1201)


async def test_a_token_opens_the_costs_too_and_no_limit_is_a_pack_without_end():
    clock = ManualClock()
    token = KeyPair(access_key="ak", secret_key="sk").token(clock.now().timestamp())
    simulator = Simulator(SimulatorSettings(access_key="ak", secret_key="sk"), clock)
    async with simulator.serve() as url, KlingCaller.at(url, token) as kling:
        status, answer = await kling.call("GET", "/account/costs", params=ALWAYS)
    assert status == 200
    assert answer["data"]["resource_pack_subscribe_infos"][0]["remaining_quantity"] == 1_000_000
