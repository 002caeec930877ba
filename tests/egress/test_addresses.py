from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kling_daemon.egress.addresses import Rules, parse, resolve
from kling_daemon.http_client import HttpRefusedError


@given(st.text(), st.booleans())
def test_no_text_makes_anything_but_a_refusal(text, allow_http):
    with suppress(HttpRefusedError):
        Rules(allow_http=allow_http).admit(parse(text))


@given(st.text())
def test_no_redirect_makes_anything_but_a_refusal(location):
    with suppress(HttpRefusedError):
        Rules(allow_http=True).admit(resolve(URL("https://h/a/b?sign=x"), location))


@pytest.mark.parametrize("text", ["https://h/a%2Fb?x=%7e%3D+%20&y=~", "https://h/%C3%A4"])
def test_what_is_encoded_stays_byte_for_byte(text):
    assert str(parse(text)) == text


def test_what_is_not_encoded_is():
    assert str(parse("https://h/a b?x=ä\r\nHost: evil")) == "https://h/a%20b?x=%C3%A4Host:+evil"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/c?x=%2F", "https://h/c?x=%2F"),
        ("c", "https://h/a/c"),
        ("//other/c", "https://other/c"),
        ("http://other:8080/", "http://other:8080/"),
    ],
)
def test_a_redirect_is_resolved_against_where_it_came_from(location, target):
    assert str(resolve(URL("https://h/a/b?sign=x"), location)) == target


@pytest.mark.parametrize("text", ["", "/a", "file:///etc/passwd", "javascript:alert(1)", "https://", "data:,x"])
@pytest.mark.parametrize("allow_http", [True, False])
def test_what_is_no_web_address_is_refused(text, allow_http):
    with pytest.raises(HttpRefusedError):
        Rules(allow_http=allow_http).admit(parse(text))


def test_plain_http_is_refused_with_the_setting_that_would_allow_it():
    Rules(allow_http=True).admit(parse("http://h/"))
    with pytest.raises(HttpRefusedError, match=r"h: plain http is refused; \[egress\] allow_http = true"):
        Rules(allow_http=False).admit(parse("http://h/?sign=secret"))
