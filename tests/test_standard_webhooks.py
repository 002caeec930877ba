"""Signatures as the Standard Webhooks specification and its reference implementation have them, and a strict reader."""

import base64
import json
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
FULL_WIDTH = {ord(digit): 0xFF10 + place for place, digit in enumerate(string.digits)}


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
    ("header", "spoilt", "flaw"),
    [
        ("webhook-timestamp", "{at}.0", Flaw.BAD_TIMESTAMP),
        ("webhook-timestamp", "+{at}", Flaw.BAD_TIMESTAMP),
        ("webhook-timestamp", " {at}", Flaw.BAD_TIMESTAMP),
        ("webhook-timestamp", "{full_width}", Flaw.BAD_TIMESTAMP),
        ("webhook-signature", "v1,!{encoded}", Flaw.NO_SIGNATURE),
        ("webhook-signature", "v1,\n{encoded}", Flaw.NO_SIGNATURE),
    ],
)
def test_what_the_reference_takes_and_the_specification_does_not_know_is_refused(header, spoilt, flaw):
    now = datetime.now(UTC)
    seconds = int((now - EPOCH).total_seconds())
    good = sign(SECRET, "msg_1", seconds, BODY)
    written = spoilt.format(at=seconds, full_width=str(seconds).translate(FULL_WIDTH), encoded=good[3:])
    given_headers = headers(good, timestamp=str(seconds)) | {header: written}
    assert standardwebhooks.Webhook(base64.b64encode(SECRET.key).decode()).verify(BODY, given_headers) == {"id": "1"}
    assert flaw_of(given_headers, now=now) is flaw


@pytest.mark.parametrize("signature", ["nonsense", "v1", "v1,A", "v1,ä"])
def test_what_the_reference_breaks_on_is_a_signature_error(signature):
    now = datetime.now(UTC)
    given_headers = headers(signature, timestamp=str(int((now - EPOCH).total_seconds())))
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds, none of which is its own
        standardwebhooks.Webhook(base64.b64encode(SECRET.key).decode()).verify(BODY, given_headers)
    assert flaw_of(given_headers, now=now) is Flaw.NO_SIGNATURE


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
        GOOD.replace(" ", "\t") + "\t",
        f"{GOOD},{GOOD}",
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
    assert flaw_of(headers(signatures)) is Flaw.NO_SIGNATURE


def test_the_last_bits_of_a_signature_are_not_free():
    spelled = [GOOD[:-2] + letter + "=" for letter in string.ascii_letters + string.digits + "+/"]
    matching = [text for text in spelled if base64.b64decode(text[3:]) == base64.b64decode(GOOD[3:])]
    assert len(matching) == 4  # for a lenient reader
    for text in set(spelled) - {GOOD}:
        assert flaw_of(headers(text)) in {Flaw.NO_SIGNATURE, Flaw.NO_MATCH}


@pytest.mark.parametrize("webhook_id", ["a\tb", "ä", "\udcff", "\x00", "\x7f", "m\n"])
def test_an_id_of_strange_characters_is_refused_even_if_signed(webhook_id):
    content = f"{webhook_id}.{SECONDS}.".encode("utf-8", "surrogateescape") + BODY
    assert flaw_of(headers(SECRET.sign(content), webhook_id=webhook_id)) is Flaw.BAD_ID


@pytest.mark.parametrize("webhook_id", ["".join(map(chr, range(0x20, 0x7F))), ".", "a.b", "a.1790000000.b", "m" * 8000])
def test_an_id_takes_every_printable_character_and_any_length(webhook_id):
    given_headers = headers(sign(SECRET, webhook_id, SECONDS, BODY), webhook_id=webhook_id)
    assert verify([SECRET], given_headers, BODY, now=NOW) is SECRET


PIECES = st.lists(st.sampled_from([f".{SECONDS}.", "{", "}", '"', "\\", ":", ",", "1", "a"]), max_size=8).map("".join)


@given(webhook_id=PIECES.map("m{}".format), said=st.dictionaries(PIECES, PIECES | st.lists(PIECES), max_size=3))
@example(webhook_id=f"m.{SECONDS}", said={})
@example(webhook_id="m", said={f"a.{SECONDS}.{{": f":1.{SECONDS}.{{"})
def test_a_signed_text_that_is_divided_elsewhere_leaves_no_object_for_a_body(webhook_id, said):
    body = json.dumps(said)
    signature = sign(SECRET, webhook_id, SECONDS, body.encode())
    parts = f"{webhook_id}.{SECONDS}.{body}".split(f".{SECONDS}.")
    for place in range(1, len(parts)):
        other_id, other_body = f".{SECONDS}.".join(parts[:place]), f".{SECONDS}.".join(parts[place:])
        assert verify([SECRET], headers(signature, webhook_id=other_id), other_body.encode(), now=NOW) is SECRET
        if other_body != body:
            with pytest.raises(ValueError):  # noqa: PT011 - of the many ways to be no JSON, any
                json.loads(other_body)


def test_malformed_entries_hide_no_valid_one_however_many_there_are():
    assert verify([SECRET], headers("v1,AAAA " * 5000 + GOOD), BODY, now=NOW) is SECRET


def test_nor_do_well_formed_ones():
    wrong = [f"v1,{base64.b64encode(bytes([number]) * 32).decode()}" for number in range(200)]
    assert verify([SECRET], headers(" ".join([*wrong, GOOD])), BODY, now=NOW) is SECRET
    assert flaw_of(headers(" ".join(wrong))) is Flaw.NO_MATCH


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
    assert flaw_of(headers(GOOD), secrets=[]) is Flaw.NO_SIGNATURE


ENTRIES = ["good", "stranger", "v2", "v1,", "v1,!", "", "v1,AAAA", "cut", "longer", "commas", "v1a,AAAA"]


@given(
    entries=st.lists(st.sampled_from(ENTRIES), max_size=6),
    spaces=st.integers(1, 3),
    off=st.integers(-310, 310),
    spelling=st.sampled_from(["{}", "0{}", "+{}", "{}.0", " {}"]),
    webhook_id=st.sampled_from(["msg_1", "m.1", "m 1", "ä", "-"]),
)
def test_what_is_taken_is_what_is_right_and_the_reference_takes_it_too(entries, spaces, off, spelling, webhook_id):
    now = datetime.now(UTC).replace(microsecond=0)
    timestamp = spelling.format(int((now - EPOCH).total_seconds()) + off)
    content = f"{webhook_id}.{timestamp}.".encode() + BODY
    good = SECRET.sign(content)
    made = {
        "good": good,
        "stranger": OTHER.sign(content),
        "cut": good[:-2],
        "longer": f"{good}A",
        "commas": f"{good},{good}",
        "v2": good.replace("v1", "v2"),
    }
    listed = [made.get(entry, entry) for entry in entries]
    given_headers = headers((" " * spaces).join(listed), webhook_id=webhook_id, timestamp=timestamp)
    is_right = "good" in entries and abs(off) <= 300 and timestamp.isdigit() and webhook_id != "ä"
    if not is_right:
        flaw_of(given_headers, now=now)
        return
    assert verify([SECRET], given_headers, BODY, now=now) is SECRET
    # The reference looks at the clock itself, writes the time anew, and breaks on what is malformed.
    if abs(off) < 250 and timestamp[0] != "0" and spaces == 1 and {*entries} <= {"good", "stranger", "v2"}:
        reference = standardwebhooks.Webhook(base64.b64encode(SECRET.key).decode())
        assert reference.verify(BODY, given_headers) == {"id": "1"}


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
