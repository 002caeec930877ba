"""Keys of both kinds: how they are written, and that none is ever used for the other version."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.clock import EPOCH
from kling_daemon.standard_webhooks import (
    MOST_BYTES,
    RECOMMENDED_BYTES,
    Flaw,
    PublicKey,
    Secret,
    SignatureError,
    SigningKey,
    parse_signer,
    parse_verifier,
    sign,
    verify,
)

NOW = datetime(2026, 9, 1, tzinfo=UTC)
SECONDS = int((NOW - EPOCH).total_seconds())
BODY = b'{"id": "1"}'
SHARED = Secret(name="shared", key=bytes(range(32)))
SIGNING = SigningKey.parse("private", "whsk_V0VCSE9PS0FTWU1NRVRSSUNURVNUUFJJVkFURUtFWTE=")
PUBLIC = parse_verifier("public", SIGNING.public_text)


def headers(*signatures):
    return {"webhook-id": "m", "webhook-timestamp": str(SECONDS), "webhook-signature": " ".join(signatures)}


def flaw_of(secrets, *signatures):
    with pytest.raises(SignatureError) as caught:
        verify(secrets, headers(*signatures), BODY, now=NOW)
    return caught.value.flaw


def written(length, prefix="whsec_"):
    return prefix + base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (
            "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
        ),
    ],
)
def test_the_published_signatures_are_what_we_would_sign(key, expected):
    signed = sign(parse_signer("published", key), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == expected


def test_a_signature_of_a_private_key_verifies_with_its_public_one():
    signature = sign(SIGNING, "m", SECONDS, BODY)
    assert verify([SHARED, PUBLIC], headers("v1a,garbage", signature), BODY, now=NOW) is PUBLIC
    assert verify([SIGNING], headers(signature), BODY, now=NOW) is SIGNING
    other = SigningKey(name="other", key=bytes(32))
    assert flaw_of([PUBLIC], sign(other, "m", SECONDS, BODY)) is Flaw.NO_MATCH
    assert flaw_of([PUBLIC], sign(SIGNING, "n", SECONDS, BODY)) is Flaw.NO_MATCH


def test_a_key_of_one_kind_verifies_nothing_of_the_other():
    # Whoever knows a public key must not be able to use it as a shared secret.
    confused = Secret(name="confused", key=PUBLIC.key)
    as_shared = sign(confused, "m", SECONDS, BODY)
    assert flaw_of([PUBLIC], as_shared) is Flaw.NO_SIGNATURE
    assert flaw_of([PUBLIC], as_shared.replace("v1,", "v1a,")) is Flaw.NO_SIGNATURE
    assert flaw_of([SHARED], sign(SIGNING, "m", SECONDS, BODY)) is Flaw.NO_SIGNATURE
    assert flaw_of([SHARED, PUBLIC], sign(SIGNING, "m", SECONDS, BODY).replace("v1a,", "v1,")) is Flaw.NO_SIGNATURE


def test_of_signatures_that_take_long_the_first_ones_are_compared_and_hide_none_of_the_other_kind():
    flood = [sign(SIGNING, str(number), SECONDS, BODY) for number in range(PublicKey.MOST)]
    good = sign(SIGNING, "m", SECONDS, BODY)
    assert verify([PUBLIC], headers(*flood[1:], good, *flood), BODY, now=NOW) is PUBLIC
    assert flaw_of([PUBLIC], *flood, good) is Flaw.NO_MATCH
    assert verify([PUBLIC, SHARED], headers(*flood, sign(SHARED, "m", SECONDS, BODY)), BODY, now=NOW) is SHARED


@given(signature=st.binary(min_size=64, max_size=64), body=st.binary())
def test_whatever_64_bytes_come_nothing_but_a_signature_error_is_raised(signature, body):
    forged = headers(f"v1a,{base64.b64encode(signature).decode()}")
    with pytest.raises(SignatureError, match="no_match"):
        verify([SHARED, PUBLIC], forged, body, now=NOW)


@pytest.mark.parametrize("length", [63, 65])
def test_an_asymmetric_signature_has_64_bytes_in_canonical_base64(length):
    assert flaw_of([PUBLIC], f"v1a,{base64.b64encode(bytes(length)).decode()}") is Flaw.NO_SIGNATURE
    signature = sign(SIGNING, "m", SECONDS, BODY)
    for spelled in (signature[:-1], signature[:-2], f"{signature}=", signature.replace("v1a", "v1A")):
        assert flaw_of([PUBLIC], spelled) is Flaw.NO_SIGNATURE


@pytest.mark.parametrize("text", ["whsec_dGVzdA==", "whsec_dGVzdA", "dGVzdA==", " whsec_dGVzdA== \n"])
def test_a_secret_may_lack_prefix_and_padding(text):
    assert parse_verifier("s", text) == Secret(name="s", key=b"test")


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!", "whsec_ä", "whsec_a", "whsec_dGVz dA==", "whsec_dG=VzdA=="])
def test_a_malformed_secret_is_named_and_not_shown(text):
    with pytest.raises(ValueError, match="webhook secret 's'") as caught:
        parse_verifier("s", text)
    assert caught.value.__cause__ is None
    if text.removeprefix("whsec_"):
        assert text not in str(caught.value)


def test_a_secret_may_be_short_and_is_called_so():
    assert parse_verifier("s", written(RECOMMENDED_BYTES - 1)).is_short
    assert not parse_verifier("s", written(RECOMMENDED_BYTES)).is_short


def test_a_secret_longer_than_the_specification_allows_is_refused():
    assert len(parse_verifier("s", written(MOST_BYTES)).key) == MOST_BYTES
    with pytest.raises(ValueError, match="65 bytes, and Standard Webhooks allows 64 at most"):
        parse_verifier("s", written(MOST_BYTES + 1))


@pytest.mark.parametrize("length", [31, 33, 64])
def test_a_public_key_has_32_bytes(length):
    with pytest.raises(ValueError, match=f"public key of {length} bytes, not of 32"):
        parse_verifier("s", written(length, "whpk_"))


WEAK_Y = [0, 1, -1, 2**255 - 19, 2**255 - 18]
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


@pytest.mark.parametrize("y", [*WEAK_Y, EIGHTH, -EIGHTH])
@pytest.mark.parametrize("sign_bit", [0, 2**255])
def test_a_public_key_under_which_anybody_can_sign_is_refused(y, sign_bit):
    y = y if y >= 0 else 2**255 - 19 + y
    text = "whpk_" + base64.b64encode((y | sign_bit).to_bytes(32, "little")).decode()
    with pytest.raises(ValueError, match="anybody can sign"):
        parse_verifier("s", text)


def test_under_such_a_key_a_signature_of_nobody_would_verify():
    nobodys = "v1a," + base64.b64encode(bytes([1]) + bytes(63)).decode()
    verifying = [verifies(PublicKey(name="zeros", key=bytes(32)), nobodys, b"%d" % number) for number in range(200)]
    assert any(verifying)
    assert not any(verifies(PUBLIC, nobodys, b"%d" % number) for number in range(200))


def verifies(key, signature, body):
    try:
        return verify([key], headers(signature), body, now=NOW) is key
    except SignatureError:
        return False


def test_each_side_is_told_when_it_is_given_the_key_of_the_other():
    with pytest.raises(ValueError, match=r"private key .* configure the public one"):
        parse_verifier("s", written(32, "whsk_"))
    with pytest.raises(ValueError, match=r"public key .* signs nothing"):
        parse_signer("s", written(32, "whpk_"))


def test_a_private_key_may_be_followed_by_its_public_one_and_by_no_other():
    both = "whsk_" + base64.b64encode(SIGNING.key + PUBLIC.key).decode()
    assert parse_signer("s", both).public.key == PUBLIC.key
    with pytest.raises(ValueError, match="does not belong to it"):
        parse_signer("s", "whsk_" + base64.b64encode(SIGNING.key + SIGNING.key).decode())
    with pytest.raises(ValueError, match="private key of 16 bytes"):
        parse_signer("s", written(16, "whsk_"))


@pytest.mark.parametrize("key", [SHARED, PUBLIC, SIGNING])
def test_no_key_shows_itself(key):
    assert repr(key) == f"{type(key).__name__}(name={key.name!r})"
    assert "key=" not in str([key])


def test_kinds_are_told_apart_by_their_prefix():
    assert isinstance(parse_verifier("s", written(32)), Secret)
    assert isinstance(parse_verifier("s", f" {written(32, 'whpk_')}"), PublicKey)
    assert isinstance(parse_signer("s", written(32, "whsk_").rstrip("=")), SigningKey)
