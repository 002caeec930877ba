from datetime import UTC, datetime, timedelta, timezone

import pytest

from kling_daemon.testing import ManualClock
from kling_daemon.testing.clock import START


def test_stands_still_until_it_is_moved():
    clock = ManualClock()
    assert clock.now() == clock.now() == START
    assert clock.monotonic() == 0


def test_advancing_moves_both_clocks():
    clock = ManualClock()
    assert clock.advance(timedelta(minutes=2)) == START + timedelta(minutes=2)
    assert clock.advance(1.5) == clock.now() == START + timedelta(minutes=2, seconds=1.5)
    assert clock.monotonic() == 121.5


def test_a_jump_of_the_wall_clock_is_not_seen_by_the_monotonic_one():
    clock = ManualClock()
    clock.set(START - timedelta(days=1))
    assert clock.now() == START - timedelta(days=1)
    assert clock.monotonic() == 0


def test_gives_utc_in_whole_milliseconds_like_the_real_clock():
    east = timezone(timedelta(hours=8))
    clock = ManualClock(datetime(2026, 9, 1, 20, 0, 0, 1999, tzinfo=east))
    assert clock.now() == datetime(2026, 9, 1, 12, 0, 0, 1000, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_refuses_naive_moments_and_time_that_runs_backwards():
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 9, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)
