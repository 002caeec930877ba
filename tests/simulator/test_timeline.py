from datetime import timedelta

from kling_daemon.simulator.pending import Pending
from kling_daemon.simulator.timeline import Timeline
from kling_daemon.testing.clock import ManualClock


async def test_actions_happen_in_the_order_of_their_moments_and_not_before():
    clock, done = ManualClock(), []
    timeline = Timeline(clock, Pending())
    for seconds in (3, 1, 2, 1):
        timeline.after(timedelta(seconds=seconds), lambda seconds=seconds: done.append(seconds))
    assert timeline.step() == 1
    assert done == []
    clock.advance(2)
    assert timeline.step() == 1
    assert done == [1, 1, 2]
    clock.advance(1)
    assert timeline.step() is None
    assert done == [1, 1, 2, 3]


async def test_what_an_action_plans_for_now_happens_in_the_same_step():
    timeline, done = Timeline(ManualClock(), Pending()), []
    timeline.at(0, lambda: timeline.at(0, lambda: done.append("second")))
    timeline.step()
    assert done == ["second"]


async def test_nothing_is_pending_once_all_was_done():
    clock, pending = ManualClock(), Pending()
    timeline = Timeline(clock, pending)
    timeline.at(1, lambda: timeline.at(2, lambda: None))
    clock.advance(1)
    timeline.step()
    assert not pending.is_none
    clock.advance(1)
    timeline.step()
    await pending.none()
