"""A capability names one job and cannot be made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.tracking import Capabilities

JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
OTHER_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a10"
OURS = Capabilities(b"k" * 32)


def test_a_genuine_one_names_its_job_and_is_safe_in_a_path():
    capability = OURS.issue(JOB_ID)
    assert OURS.check(capability) == JOB_ID
    assert OURS.issue(JOB_ID) == capability
    assert capability.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_that_of_another_job_or_another_daemon_is_worthless():
    mac = OURS.issue(JOB_ID).partition(".")[2]
    assert OURS.check(f"{OTHER_ID}.{mac}") is None
    assert Capabilities(b"x" * 32).check(OURS.issue(JOB_ID)) is None


@pytest.mark.parametrize(
    "capability",
    [
        "",
        ".",
        JOB_ID,
        f"{JOB_ID}.",
        f"{JOB_ID}.A",
        f"{JOB_ID}.\udcff",
        f"{JOB_ID.upper()}.x",
        "x.y",
    ],
)
def test_what_is_none_of_ours_is_no_job(capability):
    assert OURS.check(capability) is None


@given(st.text(st.characters()))
def test_nothing_raises(text):
    assert OURS.check(text) is None
    assert OURS.check(f"{JOB_ID}.{text}") is None


@given(st.integers(0, 21), st.characters())
def test_one_wrong_character_is_enough(place, character):
    capability = OURS.issue(JOB_ID)
    start = len(JOB_ID) + 1 + place
    forged = capability[:start] + character + capability[start + 1 :]
    assert OURS.check(forged) == (JOB_ID if forged == capability else None)


def test_one_under_an_old_key_is_good_until_that_is_dropped():
    both = Capabilities(b"n" * 32, [b"k" * 32, b"o" * 32])
    old, new = OURS.issue(JOB_ID), both.issue(JOB_ID)
    assert old != new
    assert both.check(old) == both.check(new) == JOB_ID
    both.drop(b"k" * 32)
    assert (both.check(old), both.check(new)) == (None, JOB_ID)
    assert both.check(Capabilities(b"o" * 32).issue(JOB_ID)) == JOB_ID
    assert repr(both) == "Capabilities()"
