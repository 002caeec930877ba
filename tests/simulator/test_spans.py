import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.simulator.spans import Span


def test_a_span_may_be_one_duration():
    assert Span.parse("20ms") == Span.exactly(timedelta(milliseconds=20))


@pytest.mark.parametrize("text", ["2s-1s", "1s-", "-1s", "1s-2s-3s"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|rises"):
        Span.parse(text)


millis = st.integers(min_value=0, max_value=10**8)


@given(millis, millis, st.integers())
def test_a_choice_lies_within_its_span_and_a_span_is_read_as_it_is_written(first, second, seed):
    shortest, longest = sorted((timedelta(milliseconds=first), timedelta(milliseconds=second)))
    span = Span(shortest=shortest, longest=longest)
    assert shortest <= span.choose(random.Random(seed)) <= longest  # noqa: S311 - repeatable is the purpose
    assert Span.parse(str(span)) == span
