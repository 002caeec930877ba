import pytest

from kling_daemon.dispatch.pace import Pace


async def test_without_a_rate_there_is_always_room():
    pace = Pace(None)
    for _ in range(1000):
        await pace.begin()
    assert pace.room(1000) == 1000


@pytest.mark.parametrize(("rate", "burst", "pause"), [(5.0, 5, 0.2), (0.01, 1, 100.0), (1.5, 1, 1 / 1.5)])
async def test_a_rate_allows_a_second_s_worth_at_once_and_then_waits(rate, burst, pause):
    pace = Pace(rate)
    assert pace.room(50) == burst
    for _ in range(burst):
        await pace.begin()
    assert pace.room(50) == 0
    assert pace.pause == pytest.approx(pause)
