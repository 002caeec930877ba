import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.telemetry.redaction import redact, redact_text

JOB = "01981a2b-3c4d-7e5f-8a9b-0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("get https://cdn.x/v.mp4?ksTime=1&sign=abc failed", "get https://cdn.x/v.mp4?*** failed"),
        ("https://me:pw@cdn.x/v.mp4#frag", "https://cdn.x/v.mp4#***"),
        ("'https://cdn.x/v.mp4'", "'https://cdn.x/v.mp4'"),
        ("GET /v.mp4?sign=abc HTTP/1.1", "GET /v.mp4?*** HTTP/1.1"),
        ("Authorization: Bearer sk-1.2-3", "Authorization: Bearer ***"),
        ("secret whsec_c2VjcmV0 here", "secret whsec_*** here"),
        (f"POST /webhooks/kling/{JOB}.c2lnbmF0dXJl", f"POST /webhooks/kling/{JOB}.***"),
        (f"{JOB}", JOB),
        ("is it ready? yes", "is it ready? yes"),
    ],
)
def test_secrets_are_cut_from_texts_by_their_form(text, expected):
    assert redact_text(text) == expected


def test_what_a_key_calls_a_secret_is_masked_at_any_depth():
    values = {
        "api_key": "sk-1",
        "Authorization": "x",
        "headers": {"webhook-signature": "v1,x", "X-Api-Key": "y", "webhook-id": "1"},
        "list": [{"password": "z"}],
        "kling_token": "t",
        "idempotency_key": "kept",
        "tokens": 3,
        "secrets": None,
        "key": "kept",
    }
    assert redact(values) == {
        "api_key": "***",
        "Authorization": "***",
        "headers": {"webhook-signature": "***", "X-Api-Key": "***", "webhook-id": "1"},
        "list": [{"password": "***"}],
        "kling_token": "***",
        "idempotency_key": "kept",
        "tokens": 3,
        "secrets": None,
        "key": "kept",
    }


def test_other_objects_are_shown_as_text_without_secrets():
    error = ValueError("cannot get https://cdn.x/v.mp4?sign=abc")
    assert redact({"error": error}) == {"error": "ValueError('cannot get https://cdn.x/v.mp4?***')"}
    assert "sk-1" not in str(redact({"value": pydantic.SecretStr("sk-1")}))


def test_a_very_long_text_loses_its_middle():
    cut = redact_text("a" * 50_000 + "b" * 50_000)
    assert len(cut) < 10_000
    assert cut.startswith("aaa")
    assert cut.endswith("bbb")


@given(st.text())
def test_any_text_can_be_redacted_and_again_changes_nothing(text):
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.text("abc/?#@: =", max_size=40), st.text("xyz", min_size=1, max_size=10))
def test_no_query_of_a_url_is_left(before, word):
    assert "sign=hidden" not in redact_text(f"{before} https://cdn.x/{word}?a=b&sign=hidden")
