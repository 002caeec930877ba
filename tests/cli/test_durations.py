from datetime import timedelta

import click
import pytest

from kling_daemon.cli.durations import DurationType, brief


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0s"),
        (-3, "0.0s"),
        (4.24, "4.2s"),
        (9.96, "10s"),
        (59.7, "1m"),
        (200, "3m 20s"),
        (3600, "1h"),
        (93_600, "1d 2h"),
        (86_401, "1d"),
    ],
)
def test_a_duration_is_shown_in_its_two_greatest_units(seconds, shown):
    assert brief(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25)])
def test_a_duration_is_read_as_in_the_configuration(text, seconds):
    assert DurationType().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["90", "1h1h", "999999d" * 1_100])
def test_what_is_no_duration_is_a_usage_error(text):
    with pytest.raises(click.BadParameter, match="must be a duration"):
        DurationType().convert(text, None, None)
