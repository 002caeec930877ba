from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.jobs import Generation
from kling_daemon.punctuality import ENOUGH, PROMPT, JobKind, Punctuality

KIND = JobKind(endpoint="/text-to-video/kling-3.0", generation=Generation.NEW, model="kling-3.0")
SECOND, FIVE_MINUTES, LEAST = timedelta(seconds=1), timedelta(minutes=5), timedelta(seconds=15)
delays = st.lists(st.none() | st.timedeltas(timedelta(0), timedelta(days=3)), max_size=60)


def judged(*, came=0, late=0, missed=0):
    return Punctuality.judge(KIND, [SECOND] * came + [PROMPT + SECOND] * late + [None] * missed)


def patience(punctuality):
    return punctuality.patience(longest=FIVE_MINUTES, least=LEAST)


def test_what_came_late_and_what_never_came_are_told_apart():
    punctuality = judged(came=5, late=2, missed=3)
    assert (punctuality.jobs, punctuality.missed, punctuality.late) == (10, 3, 2)
    assert (punctuality.usual_delay, punctuality.longest_delay) == (SECOND, PROMPT + SECOND)
    assert punctuality.share_unreliable == 0.5


def test_without_any_callback_there_is_no_delay():
    punctuality = judged(missed=3)
    assert (punctuality.usual_delay, punctuality.longest_delay) == (None, None)


@pytest.mark.parametrize(
    ("punctuality", "expected"),
    [
        (judged(), FIVE_MINUTES),
        (judged(missed=ENOUGH - 1), FIVE_MINUTES),
        (judged(came=95, missed=5), FIVE_MINUTES),
        (judged(came=90, missed=10), FIVE_MINUTES / 2),
        (judged(came=80, missed=10, late=10), FIVE_MINUTES / 4),
        (judged(came=50, missed=50), LEAST),
        (judged(missed=ENOUGH), LEAST),
    ],
    ids=["nothing known", "too little known", "one of twenty", "a tenth", "two tenths", "half", "none comes"],
)
def test_callbacks_are_waited_for_half_as_long_for_each_tenth_that_fails(punctuality, expected):
    assert patience(punctuality) == expected


@given(delays=delays, longest=st.timedeltas(timedelta(0), timedelta(days=1)))
def test_patience_is_never_longer_than_configured(delays, longest):
    assert timedelta(0) <= Punctuality.judge(KIND, delays).patience(longest=longest, least=LEAST) <= longest
