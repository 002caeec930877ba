import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.config.hosts import parse_host, parse_host_pattern


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (" CDN.Example.com. ", "cdn.example.com"),
        ("minio", "minio"),
        ("ex\u00e4mple.com", "xn--exmple-cua.com"),
        ("3d-printer", "3d-printer"),
        ("10.0.0.1", "10.0.0.1"),
        ("[FD00:1:0::7]", "fd00:1::7"),
        ("fd00:1::7", "fd00:1::7"),
    ],
)
def test_a_host_is_kept_as_it_stands_in_a_request(text, host):
    assert parse_host(text) == parse_host_pattern(text) == host


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("*.Example.com", "*.example.com"), ("*.ex\u00e4mple.com", "*.xn--exmple-cua.com")],
)
def test_a_star_stands_for_all_below_a_name_where_patterns_are_taken(text, pattern):
    assert parse_host_pattern(text) == pattern
    with pytest.raises(ValueError, match=r'must be a host such as "kling\.example\.com", without'):
        parse_host(text)


@pytest.mark.parametrize(
    "value",
    ["", "*", "*.", "*.*.com", "a.*.com", "https://a.com", "a.com/x", "a.com:443", "a b", "0x7f.1", "127.1",
     "*.10.0.0.1", "-a.com", "a..b", "a" * 64, 7, None, "user@a.com", "10.0.0.0/8"],
)  # fmt: skip
def test_what_is_no_host_is_refused(value):
    for parse in (parse_host, parse_host_pattern):
        with pytest.raises(ValueError, match=r'must be a host such as ".*without scheme, port or path'):
            parse(value)


@given(st.text())
def test_no_text_makes_anything_but_a_refusal(text):
    for parse in (parse_host, parse_host_pattern):
        try:
            parse(text)
        except ValueError as error:
            assert str(error).startswith("must be a ")  # noqa: PT017 - only if there is one
