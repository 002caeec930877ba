from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.kling.expiry import expires_at

MOMENT = datetime(2025, 12, 27, 9, 34, 14, tzinfo=UTC)
URL = "https://v16-kling-fdl.klingai.com/a.mp4"


@pytest.mark.parametrize(
    ("query", "moment"),
    [
        ("?cacheKey=x&ksSecret=0&ksTime=694fa816", MOMENT),
        ("?ksTime=694FA816&x=1", MOMENT),
        ("?Expires=1766828054&Signature=x", MOMENT),
        ("?X-Amz-Expires=3600&Expires=1766828054", MOMENT),
        ("?ksTime=nonsense&Expires=1766828054", MOMENT),
        ("?ksTime=694fa816#t=1", MOMENT),
        ("", None),
        ("?ksTime=", None),
        ("?ksTime=0", None),
        ("?ksTime=ffffffffff", None),
        ("?ksTime=6_94fa816", None),
        ("?Expires=+1766828054", None),
        ("?Expires=" + "9" * 5000, None),
        ("?Expires=١٧٦٦٨٢٨٠٥٤", None),
        ("?X-Amz-Expires=1766828054", None),
        ("#ksTime=694fa816", None),
        ("/ksTime=694fa816", None),
    ],
)
def test_the_urls_own_word_is_read(query, moment):
    assert expires_at(URL + query) == moment


@given(st.text(), st.sampled_from(["ksTime", "Expires"]))
def test_no_url_is_too_odd(text, name):
    assert expires_at(f"{text}?{name}={text}") is None or text
