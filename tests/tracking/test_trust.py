"""Who is believed, decided from bytes alone; the rows of the table are shown over a socket, these are its edges."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.clock import EPOCH
from kling_daemon.standard_webhooks import Secret, sign
from kling_daemon.testing.clock import START
from kling_daemon.tracking import Capabilities, Confirm, Trust, VerdictKind

SECRET = Secret.parse("ours", "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
CAPABILITIES = Capabilities(b"k" * 32)
PATH = "/webhooks/kling"
JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
CAPABLE = f"{PATH}/{CAPABILITIES.issue(JOB_ID)}"
BODY = b"{}"


def trust(**settings):
    defaults = {"path": PATH, "secrets": [SECRET], "capabilities": CAPABILITIES}
    return Trust(**{**defaults, **settings})


def signed(*, names=("webhook-id", "webhook-timestamp", "webhook-signature"), secret=SECRET, at=START):
    seconds = int((at - EPOCH).total_seconds())
    values = ("m1", str(seconds), sign(secret, "m1", seconds, BODY))
    return [(name.encode(), value.encode()) for name, value in zip(names, values, strict=True)]


def judge(headers=(), path=PATH, **settings):
    return trust(**settings).judge(list(headers), BODY, path, START)


def test_a_signature_decides_before_a_capability():
    verdict = judge(signed(), CAPABLE)
    assert (verdict.kind, verdict.reason, verdict.secret, verdict.job_id) == (
        VerdictKind.BELIEVED, "signature", "ours", JOB_ID,
    )  # fmt: skip
    forged = judge(signed(secret=Secret(name="x", key=b"x")), CAPABLE)
    assert (forged.kind, forged.reason, forged.job_id) == (VerdictKind.REFUSED, "no_match", None)


def test_a_true_signature_is_believed_at_a_wrong_capability_too():
    verdict = judge(signed(), f"{PATH}/{JOB_ID}.wrong")
    assert (verdict.kind, verdict.job_id) == (VerdictKind.BELIEVED, None)


def test_header_names_may_be_written_in_any_case():
    assert judge(signed(names=("Webhook-Id", "WEBHOOK-TIMESTAMP", "webhook-Signature"))).kind is VerdictKind.BELIEVED


@pytest.mark.parametrize("name", [b"webhook-id", b"Webhook-Timestamp", b"WEBHOOK-SIGNATURE"])
def test_a_header_that_comes_twice_is_refused_even_if_one_of_them_fits(name):
    for value in (b"v1,AAAA", dict(signed())[name.lower()]):
        verdict = judge([*signed(), (name, value)])
        assert (verdict.kind, verdict.reason) == (VerdictKind.REFUSED, "duplicate_header")


@pytest.mark.parametrize("confirm", list(Confirm))
def test_what_is_forged_stays_so_whatever_is_confirmed(confirm):
    assert judge(signed(at=START - timedelta(hours=1)), confirm=confirm).kind is VerdictKind.REFUSED
    assert judge([(b"webhook-id", b"m1")], confirm=confirm).kind is VerdictKind.REFUSED
    assert judge(path=f"{CAPABLE}x", confirm=confirm).kind is VerdictKind.REFUSED
    assert judge(path=PATH, confirm=confirm).kind is VerdictKind.WEIGHTLESS


@pytest.mark.parametrize(
    ("confirm", "by_signature", "by_capability"),
    [
        (Confirm.UNSIGNED, VerdictKind.BELIEVED, VerdictKind.HINT),
        (Confirm.ALWAYS, VerdictKind.HINT, VerdictKind.HINT),
        (Confirm.NEVER, VerdictKind.BELIEVED, VerdictKind.BELIEVED),
    ],
)
def test_what_is_confirmed_by_asking_kling_is_the_operators_choice(confirm, by_signature, by_capability):
    assert judge(signed(), confirm=confirm).kind is by_signature
    assert judge(path=CAPABLE, confirm=confirm).kind is by_capability
    assert trust(confirm=confirm).signed_kind is by_signature


@pytest.mark.parametrize("path", ["", "/", "/webhooks", "/webhooks/klingon", f"/x{PATH}", f"{PATH}x"])
def test_any_other_path_takes_no_callbacks(path):
    assert judge(signed(), path).kind is VerdictKind.MISDIRECTED


def test_the_tolerance_is_the_operators_choice():
    late = signed(at=START - timedelta(minutes=9))
    assert judge(late, tolerance=timedelta(minutes=10)).kind is VerdictKind.BELIEVED
    assert judge(late).kind is VerdictKind.REFUSED


pairs = st.lists(
    st.tuples(
        st.one_of(st.binary(), st.sampled_from([b"webhook-id", b"Webhook-Timestamp", b"webhook-signature"])),
        st.one_of(st.binary(), st.sampled_from([value for _, value in signed()])),
    )
)
paths = st.one_of(st.text(st.characters()), st.text(st.characters()).map(lambda text: f"{PATH}/{text}"))


@given(headers=pairs, body=st.binary(), path=paths)
def test_nothing_that_comes_raises_and_nothing_of_it_is_believed(headers, body, path):
    verdict = trust().judge(headers, body, path, START)
    assert verdict.kind is not VerdictKind.HINT
    assert verdict.kind is not VerdictKind.BELIEVED or body == BODY
    assert verdict.secret in {None, "ours"}
