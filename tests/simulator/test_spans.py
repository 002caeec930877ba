import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.simulator.spans import Span, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("30d", 2_592_000), (" 0s ", 0)]
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1w", "1s2s", "1e3s", "٣s", "9999999999s"])
def test_what_is_no_duration_is_named(text):
    with pytest.raises(ValueError, match="write it like"):
        parse_duration(text)


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
    assert shortest <= span.choose(random.Random(seed)) <= longest  # noqa: S311
    assert Span.parse(str(span)) == span
