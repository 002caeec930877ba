from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import EPOCH

from kling_daemon.durations import LONGEST
from kling_daemon.polling import PollPolicy
from kling_daemon.reports import Source

POLICY = PollPolicy()
durations = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=LONGEST)
jitters = st.floats(0, 1)


@pytest.mark.parametrize("source", [Source.CALLBACK, Source.SUBMISSION])
@given(jitter=jitters)
def test_a_job_whose_callbacks_should_come_is_left_to_them_for_a_while(source, jitter):
    due = POLICY.next_poll(source=source, callback_expected=True, polls=0, now=EPOCH, jitter=jitter)
    assert POLICY.fallback_after <= due - EPOCH <= POLICY.fallback_after * 1.1


@pytest.mark.parametrize("source", [*Source, None])
def test_a_job_without_callbacks_is_asked_for_from_the_start(source):
    due = POLICY.next_poll(source=source, callback_expected=False, polls=0, now=EPOCH, jitter=1)
    assert due - EPOCH == POLICY.interval


@pytest.mark.parametrize("source", [Source.POLL, None])
def test_once_polled_a_job_is_asked_for_ever_more_rarely(source):
    pauses = [
        POLICY.next_poll(source=source, callback_expected=True, polls=polls, now=EPOCH, jitter=1) - EPOCH
        for polls in range(1, 8)
    ]
    assert pauses == [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 240, 300, 300)]


@given(interval=durations, max_interval=durations, polls=st.integers(0, 10_000), jitter=jitters)
def test_however_often_a_job_was_asked_for_there_is_a_next_time(interval, max_interval, polls, jitter):
    policy = PollPolicy(interval=interval, max_interval=max_interval)
    due = policy.next_poll(source=None, callback_expected=True, polls=polls, now=EPOCH, jitter=jitter)
    assert timedelta(0) <= due - EPOCH <= max_interval
