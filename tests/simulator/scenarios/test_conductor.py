from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.simulator import ChangeError, Phase, Simulator, SimulatorSettings
from kling_daemon.testing import ManualClock

SECOND = timedelta(seconds=1)


def phase(begins, lasts=None, every=None, **changes):
    def seconds(number):
        return None if number is None else number * SECOND

    return Phase(begins=seconds(begins), lasts=seconds(lasts), every=seconds(every), changes=changes)


def lose_by_second(simulator, clock, count):
    seen = []
    for _ in range(count):
        simulator.step()
        seen.append(simulator.settings.lose)
        clock.advance(SECOND)
    return seen


def test_phases_come_and_go_and_the_later_of_two_holds_alone():
    clock = ManualClock()
    phases = [phase(1, 4, lose=0.1, duplicate=0.5), phase(2, 1, lose=0.2), phase(6, 1, 2, lose=0.3)]
    simulator = Simulator(SimulatorSettings(lose=0.9, duplicate=0.1), clock, phases=phases)
    assert lose_by_second(simulator, clock, 11) == [0.9, 0.1, 0.2, 0.1, 0.1, 0.9, 0.3, 0.9, 0.3, 0.9, 0.3]


def test_what_was_changed_by_hand_holds_over_every_phase():
    clock = ManualClock()
    simulator = Simulator(SimulatorSettings(), clock, phases=[phase(1, 2, lose=0.5, fail=3)])
    simulator.change(lose=0.25)
    assert lose_by_second(simulator, clock, 4) == [0.25] * 4


def test_a_phase_that_contradicts_the_settings_is_refused_at_once_and_so_is_a_change_that_would():
    with pytest.raises(ValueError, match="together at most 1"):
        Simulator(SimulatorSettings(lose=0.8), phases=[phase(5, late=0.4)])
    simulator = Simulator(SimulatorSettings(), phases=[phase(5, late=0.4)])
    with pytest.raises(ChangeError, match="together at most 1"):
        simulator.change(lose=0.8)
    assert simulator.settings.lose == 0


async def test_a_phase_to_come_keeps_nobody_waiting_for_idle(swift):
    simulator = Simulator(swift, phases=[phase(3600, lose=1.0)])
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        await kling.create(NEW_VIDEO)
        await simulator.idle()
    assert simulator.stats()["idle"]


async def test_an_outage_of_a_phase_begins_and_ends_by_itself(swift):
    lasting = Phase(begins=0 * SECOND, lasts=SECOND / 2, every=None, changes={"outage": True})
    simulator = Simulator(replace(swift), phases=[lasting])
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        assert (await kling.call("GET", "/tasks?task_ids=1"))[0] == 503
        while (await kling.call("GET", "/tasks?task_ids=1"))[0] != 200:
            pass
    assert not simulator.settings.outage
