from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.backoff import Backoff
from kling_daemon.durations import LONGEST

durations = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=LONGEST)
backoffs = st.builds(Backoff, least=durations, longest=durations)
jitters = st.floats(0, 1)


@given(backoff=backoffs, failures=st.integers(1, 10_000), jitter=jitters)
def test_a_pause_lies_between_half_and_the_whole_of_a_doubling_that_is_capped(backoff, failures, jitter):
    full = min(backoff.least.total_seconds() * 2.0 ** min(failures - 1, 60), backoff.longest.total_seconds())
    assert full / 2 - 1e-6 <= backoff.pause(failures, jitter).total_seconds() <= full + 1e-6


@given(backoff=backoffs, jitter=jitters)
def test_pauses_grow_to_the_longest_and_stay_there(backoff, jitter):
    pauses = [backoff.pause(failures, jitter) for failures in range(1, 100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2]


@given(first=jitters, second=jitters)
def test_those_that_failed_together_come_back_apart(first, second):
    backoff = Backoff(least=timedelta(seconds=5), longest=timedelta(hours=6))
    assert (backoff.pause(3, first) < backoff.pause(3, second)) <= (first < second)


@given(backoff=backoffs)
def test_without_jitter_a_pause_is_the_whole_one(backoff):
    assert backoff.pause(1) == min(backoff.least, backoff.longest)
