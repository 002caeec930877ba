from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("15s", 15),
        ("1.5s", 1.5),
        ("1h30m", 5_400),
        ("1h 30m", 5_400),
        ("1.5h", 5_400),
        ("30d", 2_592_000),
        (" 0s ", 0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1w", "5 minutes", "1 h", "1e3s", "1,5s", ".5s", "٣s", "1s\x00"])
def test_what_is_no_duration_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError, match=r"^must be a duration such as") as refused:
        parse_duration(text)
    assert not text or text not in str(refused.value).split('"')


def test_a_unit_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="each unit once"):
        parse_duration("1h1h")


@pytest.mark.parametrize("text", ["36501d", "999999999d", "999999999.9d", "36500d1ms"])
def test_what_no_calendar_would_hold_is_refused(text):
    with pytest.raises(ValueError, match="at most a hundred years"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_duration_is_read_as_it_is_written(duration):
    assert abs(parse_duration(format_duration(duration)) - duration) <= timedelta(microseconds=1)


@given(
    st.integers(min_value=0, max_value=LONGEST // timedelta(milliseconds=1)).map(lambda ms: timedelta(milliseconds=ms))
)
def test_a_duration_of_whole_milliseconds_is_read_exactly_as_it_is_written(duration):
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(alphabet="0123456789.dhms -") | st.text())
def test_whatever_is_written_only_a_value_error_is_raised(text):
    try:
        assert timedelta(0) <= parse_duration(text) <= LONGEST
    except ValueError as error:
        assert str(error).startswith("must be a duration")  # noqa: PT017 - not raising is as good
