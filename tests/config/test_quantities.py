from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.config.quantities import parse_size, read_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15s", timedelta(seconds=15)),
        ("250ms", timedelta(milliseconds=250)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30m", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
        ("1.5h", timedelta(minutes=90)),
        (" 0s ", timedelta()),
        (timedelta(seconds=1), timedelta(seconds=1)),
    ],
)
def test_durations_are_read_as_people_write_them(text, expected):
    assert read_duration(text) == expected


@pytest.mark.parametrize("value", ["", "15", 15, 1.5, True, "-5s", "5 minutes", "1h1h", "٣s", None, "9999999d"])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(ValueError, match="must be a duration"):
        read_duration(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), ("64 KiB", 65536), ("64kib", 65536), ("10 GB", 10**10), ("1.5 MiB", 1572864), ("3 B", 3)],
)
def test_sizes_are_read_as_people_write_them(value, expected):
    assert parse_size(value) == expected


@pytest.mark.parametrize(
    "value", ["", "MiB", "1 M", "1,5 MiB", "-1 KiB", True, 1.5, None, "1 KiB 2 B", "²", "1.5", "9" * 5_000]
)
def test_what_is_no_size_is_refused(value):
    with pytest.raises(ValueError, match="must be a size"):
        parse_size(value)


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.text()))
def test_whatever_is_written_only_a_value_error_is_raised(value):
    for parse in (read_duration, parse_size):
        try:
            parse(value)
        except ValueError as error:
            assert str(error).startswith("must be")  # noqa: PT017 - not raising is as good
