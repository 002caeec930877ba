"""A capability names one job, cannot be made up, and outlives restarts."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.store import StoreError
from kling_daemon.tracking import Capabilities, load_capability_key

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


def test_the_key_is_made_once_for_its_owner_alone_and_never_shown(tmp_path):
    key = load_capability_key(tmp_path)
    assert load_capability_key(tmp_path) == key
    assert len(key) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["capability-key"]
    assert stat.S_IMODE((tmp_path / "capability-key").stat().st_mode) == 0o600
    assert repr(Capabilities(key)) == "Capabilities()"


def test_a_crash_while_it_is_made_leaves_none_or_a_whole_one(tmp_path):
    (tmp_path / ".capability-key-x1y2z3").write_bytes(b"half")
    assert len(load_capability_key(tmp_path)) == 32


def test_a_damaged_key_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "capability-key").write_bytes(b"short")
    with pytest.raises(StoreError, match="delete it"):
        load_capability_key(tmp_path)


def test_a_key_that_cannot_be_read_is_an_error_that_says_why(tmp_path):
    (tmp_path / "capability-key").mkdir()
    with pytest.raises(StoreError, match="directory"):
        load_capability_key(tmp_path)
