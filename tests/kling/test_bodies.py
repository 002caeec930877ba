from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded.kling_bodies import NAMES, parsed, raw

from kling_daemon.kling.bodies import Flaw, UnreadableError, read_body


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_body_is_read(name):
    assert read_body(raw(name)) == parsed(name)


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (b"", Flaw.NOT_JSON),
        (b"<html>404</html>", Flaw.NOT_JSON),
        (b'{"id": "1"', Flaw.NOT_JSON),
        (b'{"id": "1"} {}', Flaw.NOT_JSON),
        (b'{"id": NaN}', Flaw.NOT_JSON),
        (b'{"id": -Infinity}', Flaw.NOT_JSON),
        (b'{"id": ' + b"9" * 10_000 + b"}", Flaw.NOT_JSON),
        (b'\xef\xbb\xbf{"id": "1"}', Flaw.NOT_JSON),
        ('{"id": "1"}'.encode("utf-16"), Flaw.NOT_UTF8),
        (b'{"id": "\xff"}', Flaw.NOT_UTF8),
        (b'{"id": "\xed\xa0\x80"}', Flaw.NOT_UTF8),
        (b"[" * 500_000, Flaw.TOO_DEEP),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, Flaw.TOO_DEEP),
        (b'[{"id": "1"}]', Flaw.NOT_AN_OBJECT),
        (b'"text"', Flaw.NOT_AN_OBJECT),
        (b"null", Flaw.NOT_AN_OBJECT),
    ],
)
def test_a_body_that_is_no_json_object_is_named_by_its_flaw(body, flaw):
    with pytest.raises(UnreadableError) as caught:
        read_body(body)
    assert caught.value.flaw is flaw


def test_of_a_key_that_stands_twice_the_last_value_counts():
    assert read_body(b'{"id": "1", "id": "2"}') == {"id": "2"}


@given(st.binary())
def test_no_bytes_lead_to_another_error(body):
    with suppress(UnreadableError):
        assert isinstance(read_body(body), dict)


@pytest.mark.parametrize("name", NAMES)
def test_a_body_cut_short_anywhere_is_unreadable(name):
    body = raw(name).rstrip()
    for end in range(0, len(body), 7):
        with pytest.raises(UnreadableError):
            read_body(body[:end])
