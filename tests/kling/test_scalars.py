from datetime import UTC, datetime

import pytest
from hypothesis import given
from strategies.any_json import values

from kling_daemon.kling.scalars import read_decimal, read_identifier, read_label, read_message, read_moment

MOMENT = datetime(2025, 11, 27, 9, 30, 25, 29_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("820000000000000001", "820000000000000001"),
        ("CjhKImdnzR4AAAAAAKfVaQ==", "CjhKImdnzR4AAAAAAKfVaQ=="),
        (820000000000000001, "820000000000000001"),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        ("", None),
        ("a b", None),
        ("a,b", None),
        ("a\nb", None),
        ("\x7f", None),
        ("é", None),
        ("\ud800", None),
        (0, None),
        (-1, None),
        (True, None),
        (10**4000, None),
        (1.5, None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_an_identifier_is_short_printable_ascii_in_one_piece(value, identifier):
    assert read_identifier(value) == identifier


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1764235825029, MOMENT),
        ("1764235825029", MOMENT),
        (1764235825029.0, MOMENT),
        (1764235825, MOMENT.replace(microsecond=0)),
        (1764235825.5, MOMENT.replace(microsecond=500_000)),
        (10**13, None),
        (10**400, None),
        ("9" * 30, None),
        (0, None),
        (-5, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("2025-11-27", None),
        ("٣", None),
        (None, None),
        ([1764235825029], None),
    ],
)
def test_a_moment_is_milliseconds_or_small_enough_to_be_seconds(value, moment):
    assert read_moment(value) == moment


@pytest.mark.parametrize(
    ("value", "decimal"),
    [
        ("2.5", "2.5"),
        ("0", "0"),
        ("-1.25", "-1.25"),
        (8, "8"),
        (2.5, "2.5"),
        (3.0, "3"),
        (1e-7, "0.0000001"),
        ("1e3", None),
        ("", None),
        (".", None),
        ("five", None),
        ("1" * 41, None),
        (10**80, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
    ],
)
def test_a_decimal_keeps_klings_spelling(value, decimal):
    assert read_decimal(value) == decimal


def test_a_message_is_bounded_and_cannot_forge_a_log_line_or_fail_to_be_stored():
    assert read_message("x" * 10_000) == "x" * 2_000
    assert read_message("first\nsecond\x00\ud800") == "first second"
    assert read_message("Prüfung nicht bestanden") == "Prüfung nicht bestanden"
    assert read_message(7) == ""


@given(values)
def test_whatever_comes_out_can_be_stored(value):
    texts = [read_identifier(value), read_label(value), read_message(value), read_decimal(value)]
    for text in texts:
        assert text is None or text.encode("utf-8").decode().isprintable()
    assert read_moment(value) is None or read_moment(value).tzinfo is UTC
