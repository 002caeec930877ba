"""Signatures as the Standard Webhooks specification and its reference implementation have them, and a strict reader."""

import base64
import string
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import example, given
from hypothesis import strategies as st
from recorded.kling_bodies import parsed

from kling_daemon.clock import EPOCH
from kling_daemon.standard_webhooks import HEADERS, Flaw, Secret, SignatureError, sign, verify

SECRET = Secret.parse("vendor", "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
OTHER = Secret.parse("other", "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0")
BODY = b'{"id": "1"}'
NOW = datetime(2026, 9, 1, tzinfo=UTC)
SECONDS = int((NOW - EPOCH).total_seconds())


def headers(signature, *, webhook_id="msg_1", timestamp=str(SECONDS)):
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def flaw_of(given_headers, body=BODY, secrets=(SECRET,), now=NOW):
    with pytest.raises(SignatureError) as caught:
        verify(secrets, given_headers, body, now=now)
    return caught.value.flaw


GOOD = sign(SECRET, "msg_1", SECONDS, BODY)


def test_the_vendors_vector_verifies_and_is_what_we_would_sign():
    vector = parsed("new_callback_signature_vector")
    secret = Secret.parse("vendor", vector["secret"])
    raw, at = vector["raw_body"].encode(), int(vector["webhook-timestamp"])
    assert sign(secret, vector["webhook-id"], at, raw) == vector["expected_signature"]
    given_headers = headers(
        vector["expected_signature"], webhook_id=vector["webhook-id"], timestamp=vector["webhook-timestamp"]
    )
    assert verify([secret], given_headers, raw, now=EPOCH + timedelta(seconds=at)) is secret


def test_the_headers_of_a_rotation_verify_with_the_secret_that_stays():
    given_headers, vector = parsed("new_callback_signature_rotation_headers"), parsed("new_callback_signature_vector")
    now = EPOCH + timedelta(seconds=int(given_headers["webhook-timestamp"]))
    assert verify([OTHER, SECRET], given_headers, vector["raw_body"].encode(), now=now) is SECRET


@given(body=st.binary(), webhook_id=st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=40))
def test_what_the_reference_signs_verifies_and_what_we_sign_the_reference_verifies(body, webhook_id):
    now = datetime.now(UTC)
    seconds = int((now - EPOCH).total_seconds())
    text = body.decode("latin-1")
    reference = standardwebhooks.Webhook(base64.b64encode(SECRET.key).decode())
    theirs = reference.sign(webhook_id, EPOCH + timedelta(seconds=seconds), text)
    assert theirs == sign(SECRET, webhook_id, seconds, text.encode())
    assert verify([SECRET], headers(theirs, webhook_id=webhook_id, timestamp=str(seconds)), text.encode(), now=now)


def test_the_reference_takes_our_signature():
    now = datetime.now(UTC)
    seconds = int((now - EPOCH).total_seconds())
    ours = headers(sign(SECRET, "msg_1", seconds, BODY), timestamp=str(seconds))
    reference = standardwebhooks.Webhook(base64.b64encode(SECRET.key).decode())
    assert reference.verify(BODY, ours) == {"id": "1"}


@pytest.mark.parametrize(
    "signatures",
    [
        GOOD,
        f"v1,{'A' * 43}= {GOOD}",
        f"{GOOD} v1a,abc",
        f"v2,whatever {GOOD} garbage",
        f"  {GOOD}  ",
    ],
)
def test_any_entry_of_the_list_may_match(signatures):
    assert verify([OTHER, SECRET], headers(signatures), BODY, now=NOW) is SECRET


@pytest.mark.parametrize(
    "signatures",
    [
        "v1,",
        GOOD.removeprefix("v1,"),
        GOOD.replace("v1,", "v2,"),
        GOOD.replace("v1,", "V1,"),
        GOOD.rstrip("="),
        f"{GOOD}=",
        GOOD.replace(",", ",,"),
        GOOD[:-6] + "A=",
        f"v1,{base64.b64encode(b'short').decode()}",
        "v1,\x00",
        "ä",
    ],
)
def test_no_other_spelling_of_a_signature_matches(signatures):
    assert flaw_of(headers(signatures)) is Flaw.NO_MATCH


@pytest.mark.parametrize("name", sorted(HEADERS))
@pytest.mark.parametrize("value", [None, ""])
def test_every_header_is_needed(name, value):
    given_headers = headers(GOOD)
    given_headers |= {} if value is None else {name: value}
    if value is None:
        del given_headers[name]
    assert flaw_of(given_headers) is Flaw.MISSING_HEADER


@pytest.mark.parametrize("timestamp", ["x", "-1", "+1", " 1", "1.5", "1e9", "1_0", "٣", "9" * 16, "9" * 5000])
def test_a_timestamp_is_a_plain_number_of_seconds(timestamp):
    assert flaw_of(headers(GOOD, timestamp=timestamp)) is Flaw.BAD_TIMESTAMP


@pytest.mark.parametrize("off", [-301, 301, -(10**9), 10**9])
def test_more_than_five_minutes_off_is_stale_even_if_signed(off):
    seconds = max(SECONDS + off, 0)
    given_headers = headers(sign(SECRET, "msg_1", seconds, BODY), timestamp=str(seconds))
    assert flaw_of(given_headers) is Flaw.STALE


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_five_minutes_off_is_fresh(off):
    given_headers = headers(sign(SECRET, "msg_1", SECONDS + off, BODY), timestamp=str(SECONDS + off))
    assert verify([SECRET], given_headers, BODY, now=NOW) is SECRET


def test_the_id_the_time_and_every_byte_are_signed():
    assert flaw_of(headers(GOOD), body=BODY + b" ") is Flaw.NO_MATCH
    assert flaw_of(headers(GOOD, webhook_id="msg_2")) is Flaw.NO_MATCH
    assert flaw_of(headers(GOOD, timestamp=str(SECONDS + 1))) is Flaw.NO_MATCH
    assert flaw_of(headers(GOOD), secrets=[OTHER]) is Flaw.NO_MATCH
    assert flaw_of(headers(GOOD), secrets=[]) is Flaw.NO_MATCH


any_text = st.one_of(st.text(), st.text(st.characters()), st.sampled_from(["v1,", "v1,=", "1", GOOD, str(SECONDS)]))


@given(
    given_headers=st.dictionaries(st.sampled_from(sorted(HEADERS)), any_text),
    body=st.binary(),
    secrets=st.lists(st.sampled_from([SECRET, OTHER]), max_size=2),
)
def test_whatever_comes_nothing_but_a_signature_error_is_raised(given_headers, body, secrets):
    with pytest.raises(SignatureError):
        verify(secrets, given_headers, body, now=NOW)


@given(webhook_id=any_text, signatures=any_text)
@example(webhook_id="\ud800", signatures="")
def test_fresh_nonsense_raises_nothing_else_either(webhook_id, signatures):
    with pytest.raises(SignatureError):
        verify([SECRET], headers(f"{signatures} ", webhook_id=f"not {webhook_id}"), BODY, now=NOW)


@pytest.mark.parametrize("text", ["whsec_dGVzdA==", "whsec_dGVzdA", "dGVzdA==", " whsec_dGVzdA== \n"])
def test_a_secret_may_lack_prefix_and_padding(text):
    assert Secret.parse("s", text).key == b"test"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!", "whsec_ä", "whsec_a", "whsec_dGVz dA=="])
def test_a_malformed_secret_is_named_and_not_shown(text):
    with pytest.raises(ValueError, match="webhook secret 's'") as caught:
        Secret.parse("s", text)
    assert caught.value.__cause__ is None
    if text.removeprefix("whsec_"):
        assert text not in str(caught.value)


def test_a_secret_never_shows_its_key():
    assert repr(SECRET) == "Secret(name='vendor')"
    assert "key" not in str([SECRET])
