import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon_download.names import extension, safe, shorten, unsigned

SAFE = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,79}")


@given(st.text())
def test_any_text_becomes_a_safe_name(text):
    assert SAFE.fullmatch(safe(text))


@given(st.text(), st.text())
def test_two_texts_never_become_one_name(one, other):
    assert (safe(one) == safe(other)) == (one == other)


@pytest.mark.parametrize("text", ["831922345678901248", "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f", "a_b-c=", "kling-v2.1"])
def test_what_is_safe_stays_as_it_is(text):
    assert safe(text) == text


@pytest.mark.parametrize("text", ["", ".", "..", "/", ".hidden", "a/b", "a\0b", "ä", "a" * 81, "\ud800"])
def test_what_is_not_safe_is_marked(text):
    assert re.search(r"-[0-9a-f]{8}$", safe(text))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_name_is_too_long_for_a_file_system(text):
    assert len(shorten(text).encode()) <= 200
    assert shorten(text) == text or len(text.encode()) > 200


@pytest.mark.parametrize(
    ("content_type", "url", "ext"),
    [
        ("video/mp4", "https://h/a.mov", "mp4"),
        ("IMAGE/PNG; charset=binary", "https://h/a", "png"),
        ("application/octet-stream", "https://h/a.MP4?x=.exe", "mp4"),
        (None, "https://h/a.b/c", "bin"),
        (None, "https://h/a.mp4%2f..", "bin"),
        (None, "https://h/a.toolongforone", "bin"),
        (None, "http://[", "bin"),
    ],
)
def test_the_extension_is_by_media_type_then_by_url(content_type, url, ext):
    assert extension(content_type, url) == ext


@given(st.text(), st.text())
def test_no_answer_makes_an_extension_that_is_more_than_one(content_type, url):
    assert re.fullmatch(r"[a-z0-9]{1,8}", extension(content_type, url))


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://user:pw@h:8443/a%2Fb.mp4?sign=x#frag", "https://h:8443/a%2Fb.mp4"),
        ("https://h/a", "https://h/a"),
        ("http://[", ""),
    ],
)
def test_what_gives_access_is_cut(url, bare):
    assert unsigned(url) == bare
