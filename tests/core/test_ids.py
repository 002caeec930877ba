import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import any_moments

from kling_daemon.events import EventType, event_id
from kling_daemon.ids import adopted_job_id, derived_id, is_job_id, new_id
from kling_daemon.jobs import JobState


@given(moment=any_moments)
def test_new_ids_rise_with_time_and_are_never_the_same(moment):
    ids = [new_id(moment), new_id(moment + timedelta(milliseconds=1)), new_id(moment + timedelta(days=1))]
    assert ids == sorted(ids)
    assert new_id(moment) != new_id(moment)
    assert all(is_job_id(one) and one[14] == "7" and one[19] in "89ab" for one in ids)


def test_an_adopted_job_s_id_depends_on_account_and_task_alone():
    assert adopted_job_id("a", "t") == adopted_job_id("a", "t")
    assert len({adopted_job_id("a", "t"), adopted_job_id("b", "t"), adopted_job_id("a", "u")}) == 3
    assert is_job_id(adopted_job_id("a", "t"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123456789012345678",
        "0199A000-0000-7000-8000-000000000001",
        "0199a000-0000-7000-8000-000000000001\n",
    ],
)
def test_what_is_no_uuid_in_small_letters_is_no_job_id(text):
    assert not is_job_id(text)


@given(name=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_id_is_the_uuid5_of_its_name(name):
    assert derived_id(name) == str(uuid.uuid5(uuid.UUID("6f1c2f0e-5d1b-5a53-9d0b-0c7a3a9f1e11"), name))


def test_derived_ids_stay_what_they_were_in_earlier_versions():
    job_id = adopted_job_id("default", "836804210000000100")
    assert job_id == "c9e499a4-a86d-5a7a-b9f1-ea4e4c4c3647"
    assert event_id(job_id, EventType.COMPLETED, JobState.SUCCEEDED) == "64115813-ccbe-589c-ac2c-1069e5c0f93d"
