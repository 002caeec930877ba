"""The allowances of those who prove nothing."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.tracking.rate_limit import LEAST_WAIT, MOST_ADDRESSES, RateLimit


class Seconds:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_burst_of_a_minutes_worth_passes_and_then_as_many_as_come_in():
    seconds = Seconds()
    limit = RateLimit(each=60, together=1000, seconds=seconds)
    assert [limit.wait("a") for _ in range(60)] == 60 * [None]
    assert limit.wait("a") == LEAST_WAIT
    seconds.now += 10
    assert [limit.wait("a") for _ in range(11)] == [*10 * [None], LEAST_WAIT]
    seconds.now += 3600
    assert [limit.wait("a") for _ in range(61)] == [*60 * [None], LEAST_WAIT]


def test_who_has_used_up_his_own_takes_nothing_from_others():
    limit = RateLimit(each=10, together=20, seconds=Seconds())
    assert sum(limit.wait("a") is None for _ in range(1000)) == 10
    assert sum(limit.wait("b") is None for _ in range(1000)) == 10
    assert limit.wait("c") is not None


def test_the_wait_is_as_long_as_it_takes_also_where_less_than_one_comes_in_a_minute():
    seconds = Seconds()
    limit = RateLimit(each=0.5, together=1000, seconds=seconds)
    assert limit.wait("a") is None
    assert limit.wait("a") == 120
    seconds.now += 119
    assert limit.wait("a") == LEAST_WAIT
    seconds.now += 1
    assert limit.wait("a") is None


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 5)), max_size=300))
def test_no_more_pass_than_are_allowed_in_all_and_the_table_is_bounded(visits):
    seconds = Seconds()
    limit = RateLimit(each=30, together=60, seconds=seconds)
    passed, began = 0, seconds.now
    for address, pause in visits:
        seconds.now += pause
        passed += limit.wait(address) is None
    assert passed <= 60 + (seconds.now - began)
    assert len(limit) <= MOST_ADDRESSES


def test_addresses_without_number_take_bounded_memory_and_pass_no_more_than_all_may():
    limit = RateLimit(each=10, together=500, seconds=Seconds())
    numbers = count()
    assert sum(limit.wait(next(numbers)) is None for _ in range(3 * MOST_ADDRESSES)) == 500
    assert len(limit) == MOST_ADDRESSES


def test_other_limits_hold_from_then_on_and_what_was_used_stays_used():
    limit = RateLimit(each=10, together=500, seconds=Seconds())
    for _ in range(10):
        limit.wait("a")
    limit.allow(each=100, together=500)
    assert limit.wait("a") is not None
    assert [limit.wait("b") for _ in range(100)] == 100 * [None]
