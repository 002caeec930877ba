from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.standard_webhooks import Secret, sign
from kling_daemon.store import KeptEvidence
from kling_daemon.testing.clock import START
from kling_daemon.tracking import Capabilities, Finding, Trust, check_evidence

SECRET = Secret(name="s", key=b"s" * 32)
TRUST = Trust(path="/hooks", secrets=[SECRET], capabilities=Capabilities(b"k" * 32))
SECONDS = int(START.timestamp())


def kept(headers, *, first=timedelta(0), last=timedelta(0), body=b"{}"):
    return KeptEvidence(headers=headers, body=body, secret="s", received_at=START + first, last_at=START + last)


SIGNED = b"Webhook-Id: m\r\nWebhook-Timestamp: %d\r\nWebhook-Signature: %b\r\n" % (
    SECONDS,
    sign(SECRET, "m", SECONDS, b"{}").encode(),
)


def test_it_is_enough_that_it_was_fresh_when_it_came_first_or_last():
    far = timedelta(hours=3)
    assert check_evidence(TRUST, kept(SIGNED, last=far)).finding is Finding.VERIFIED
    assert check_evidence(TRUST, kept(SIGNED, first=-far)).finding is Finding.VERIFIED
    stale = check_evidence(TRUST, kept(SIGNED, first=-far, last=far))
    assert (stale.finding, stale.flaw) == (Finding.FAILED, "stale")


@given(headers=st.binary(), body=st.binary())
def test_whatever_is_on_the_disk_nothing_is_raised(headers, body):
    assert check_evidence(TRUST, kept(headers, body=body)).finding is Finding.FAILED
