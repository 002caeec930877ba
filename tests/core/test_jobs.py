import json
from datetime import timedelta

from hypothesis import given
from strategies.kling_news import any_moments, jobs

from kling_daemon.jobs import Job, JobState, adopted_job_id, is_job_id, new_id


@given(job=jobs())
def test_a_job_comes_back_from_its_json_as_it_was(job):
    assert Job.from_json(json.loads(json.dumps(job.as_json()))) == job


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


def test_what_is_no_uuid_in_small_letters_is_no_job_id():
    for text in ("", "123456789012345678", "0199A000-0000-7000-8000-000000000001", new_id_with_newline()):
        assert not is_job_id(text)


def new_id_with_newline() -> str:
    return "0199a000-0000-7000-8000-000000000001\n"


def test_states_rise_to_two_ends_of_the_same_rank():
    assert [state.rank for state in JobState] == [0, 1, 2, 3, 3]
    assert [state for state in JobState if state.is_terminal] == [JobState.SUCCEEDED, JobState.FAILED]
